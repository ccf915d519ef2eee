import * as z from 'zod';

/** Text for people: no control characters, which could change what a terminal or a page shows. */
const line = (longest: number) =>
  z
    .string()
    .trim()
    .max(longest)
    .regex(/^[^\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]*$/u, 'must be without control characters');

const locale = z.string().max(35).refine(isLocale, 'must be a language tag such as en-ZA');

export const ProfileChange = z
  .strictObject({
    displayName: line(80).min(1),
    email: z.email().max(254).nullable(),
    locale,
    about: z.string().trim().max(2000),
    isPublic: z.boolean(),
    preferences: z
      .record(z.string().regex(/^[a-z][A-Za-z0-9.-]{0,63}$/, 'a name: letters, digits, . and -'), line(500))
      .refine((map) => Object.keys(map).length <= 50, 'at most 50 preferences'),
  })
  .partial()
  .refine((change) => Object.keys(change).length > 0, 'nothing to change')
  // What is absent stays; partial() would let undefined stand for it.
  .transform((change) => Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)))
  .pipe(z.custom<Partial<Changeable>>());

interface Changeable {
  readonly displayName: string;
  readonly email: string | null;
  readonly locale: string;
  readonly about: string;
  readonly isPublic: boolean;
  readonly preferences: Readonly<Record<string, string>>;
}
export type ProfileChange = z.output<typeof ProfileChange>;

export const UserId = z.strictObject({ id: z.uuid() });
export const Page = z.strictObject({
  limit: z.coerce.number().int().min(1).max(500).default(100),
  offset: z.coerce.number().int().min(0).default(0),
});

function isLocale(text: string): boolean {
  try {
    return Intl.getCanonicalLocales(text).length === 1;
  } catch {
    return false; // a RangeError: not a language tag
  }
}
