import * as z from 'zod';

const username = z
  .string()
  .trim()
  .toLowerCase()
  .regex(
    /^[\p{L}\p{N}][\p{L}\p{N}._@+-]{0,63}$/u,
    'a user name: up to 64 letters, digits and ._@+-, beginning with a letter or digit',
  );
/** NIST SP 800-63B: at least 8 characters, no rules of composition. */
const newPassword = z.string().min(8, 'a password has at least 8 characters').max(256);
const password = z.string().min(1).max(256);
const role = z.string().regex(/^[a-z][a-z0-9:-]{0,62}$/, 'a role: a-z, 0-9, : and -');

export const SignupRequest = z
  .strictObject({ username, password: newPassword, adminCode: z.string().min(1).max(200).optional() })
  .refine((body) => body.password.toLowerCase() !== body.username, 'the password is the user name');
export const LoginRequest = z.strictObject({ username, password });
export const PasswordChange = z.strictObject({ password, newPassword });
export const VerifyRequest = z.strictObject({ token: z.string().min(1).max(8192).optional() });
export const RolesChange = z.strictObject({
  roles: z
    .array(role)
    .max(50)
    .transform((roles) => [...new Set(roles)]),
});
export const SecretValue = z.strictObject({
  value: z.string().min(1).max(65_536),
  readers: z.array(role).max(50).default([]),
});
export const UsernameParam = z.strictObject({ username });
export const SecretParam = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, 'a secret name: letters, digits, . _ -'),
});
