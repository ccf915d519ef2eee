import * as z from 'zod';
import { LEVELS, PHASES } from './levels.ts';

const name = z.string().trim().min(1).max(200);
const courseCode = z.string().trim().min(1).max(40);

export const NewLearner = z.strictObject({ name, level: z.enum(LEVELS) });
export const NewEnrolment = z.strictObject({ learner: z.uuid(), course: courseCode });
export const NewAssessment = z.strictObject({
  name,
  mark: z.number().min(0).max(100),
  weight: z.number().gt(0).max(100),
});
export const NewRecognition = z.strictObject({ course: courseCode, evidence: name });
export const NewAgent = z.strictObject({ name, subject: name, phase: z.enum(PHASES) });
export const AgentChange = z.strictObject({ active: z.boolean() });

const page = {
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  offset: z.coerce.number().int().min(0).default(0),
};
export const CourseQuery = z.strictObject({
  phase: z.enum(PHASES).optional(),
  level: z.enum(LEVELS).optional(),
  subject: name.optional(),
});
export const LearnerQuery = z.strictObject({
  phase: z.enum(PHASES).optional(),
  level: z.enum(LEVELS).optional(),
  ...page,
});
