/** argon2id with the parameters of the OWASP password storage cheat sheet; the native module is loaded when first used. */
const PARAMETERS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

export async function hashPassword(password: string): Promise<string> {
  const { hash } = await import('@node-rs/argon2');
  return hash(password.normalize('NFKC'), PARAMETERS);
}

let decoy: Promise<string> | undefined;

/** Whether the password is the one that was hashed. Without a hash it takes as long, so that time tells nothing of who exists. */
export async function isPassword(password: string, hashed: string | null): Promise<boolean> {
  const { verify } = await import('@node-rs/argon2');
  decoy ??= hashPassword('nobody has this password');
  const matches = await verify(hashed ?? (await decoy), password.normalize('NFKC'));
  return matches && hashed !== null;
}
