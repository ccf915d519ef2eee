/** A service's name is a host in compose's network; here every organ is at 127.0.0.1. */
export class HostNames {
  readonly #inside: RegExp | null;
  readonly #whole: RegExp | null;
  readonly #notes: string[];

  constructor(services: readonly string[], notes: string[]) {
    const names = services.map((service) => service.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|');
    this.#inside = names === '' ? null : new RegExp(`(?<=//|@)(${names})(?=[:/?,"' ]|$)`, 'g');
    this.#whole = names === '' ? null : new RegExp(`^(${names})(?=:\\d+$|$)`);
    this.#notes = notes;
  }

  inEnvironment(environment: Readonly<Record<string, string | null>>): Record<string, string | null> {
    return Object.fromEntries(
      Object.entries(environment).map(([key, value]) => {
        if (value === null) return [key, value];
        const inside = this.#here(value, this.#inside, key);
        // A word alone is a host only where the variable says so.
        return [key, /HOST|ADDR|SERVER|BROKER|URL/i.test(key) ? this.#here(inside, this.#whole, key) : inside];
      }),
    );
  }

  inCommand(command: string | readonly string[] | null): string | readonly string[] | null {
    if (command === null) return null;
    if (typeof command === 'string') return this.#here(command, this.#inside, 'the command');
    return command.map((word) => this.#here(word, this.#inside, 'the command'));
  }

  #here(text: string, pattern: RegExp | null, where: string): string {
    const [found] = pattern === null ? [] : (text.match(pattern) ?? []);
    if (pattern === null || found === undefined) return text;
    this.#notes.push(`${where} names the service ${found} as host: it is at 127.0.0.1 here`);
    return text.replace(pattern, '127.0.0.1');
  }
}
