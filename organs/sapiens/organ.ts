import { Hono } from 'hono';
import { adminOnly, type EventBus, type Organ, Outbox, openDatabase, readBody, readQuery } from '../kit/index.ts';
import { Faculty } from './faculty.ts';
import { Register } from './register.ts';
import {
  AgentChange,
  CourseQuery,
  LearnerQuery,
  NewAgent,
  NewAssessment,
  NewEnrolment,
  NewLearner,
  NewRecognition,
} from './requests.ts';
import { migrations, seed } from './schema.ts';
import { statistics } from './statistics.ts';

export interface SapiensOptions {
  /** Where the register is kept. */
  readonly folder: string;
  /** Hears of learners and what becomes of them; without one nobody does. */
  readonly bus?: EventBus;
  readonly now?: () => Date;
}

/** Sapiens: learners from grade R to NQF 10, their courses and enrolments, the agents who teach, and what comes of it. */
export function sapiens({ folder, bus, now = () => new Date() }: SapiensOptions): Organ {
  const db = openDatabase(folder, 'sapiens', migrations);
  seed(db);
  const register = new Register(db, now);
  const faculty = new Faculty(db);
  const outbox = new Outbox(db, { topic: 'sapiens', bus });

  /** What is done and the event that tells of it, both or neither. The bus is no place for names and marks. */
  const telling = <T>(type: string, act: () => T, tell: (done: T) => { learner: string; [key: string]: unknown }): T =>
    db.transaction(() => {
      const done = act();
      const data = tell(done);
      outbox.add(type, data, { key: data.learner });
      return done;
    })();

  const app = new Hono()
    .get('/statistics', (c) => c.json(statistics(db)))
    .get('/phases', (c) => c.json(statistics(db).phases))
    .get('/courses', (c) => c.json(faculty.courses(readQuery(c, CourseQuery))))
    .get('/courses/:code', (c) => c.json(faculty.course(c.req.param('code'))))
    .get('/agents', (c) => c.json(faculty.agents()))
    .post('/agents', adminOnly, async (c) => {
      const { name, subject, phase } = await readBody(c, NewAgent);
      return c.json(faculty.appoint(name, subject, phase), 201);
    })
    .patch('/agents/:id', adminOnly, async (c) => {
      const { active } = await readBody(c, AgentChange);
      return c.json(faculty.setActive(c.req.param('id'), active));
    })
    .get('/learners', (c) => c.json(register.learners(readQuery(c, LearnerQuery))))
    .post('/learners', async (c) => {
      const { name, level } = await readBody(c, NewLearner);
      const admit = () => register.admit(name, level);
      return c.json(
        telling('learner-admitted', admit, ({ id }) => ({ learner: id, level })),
        201,
      );
    })
    .get('/learners/:id', (c) => {
      const learner = register.learner(c.req.param('id'));
      return c.json({ ...learner, enrolments: register.enrolments(learner.id) });
    })
    .post('/learners/:id/promote', adminOnly, (c) => {
      const promote = () => register.promote(c.req.param('id'));
      return c.json(telling('learner-promoted', promote, ({ id, level }) => ({ learner: id, level })));
    })
    .post('/learners/:id/recognitions', adminOnly, async (c) => {
      const { course, evidence } = await readBody(c, NewRecognition);
      register.recognise(c.req.param('id'), course, evidence);
      return c.json({ learner: c.req.param('id'), course, evidence }, 201);
    })
    .post('/enrolments', async (c) => {
      const { learner, course } = await readBody(c, NewEnrolment);
      const enrol = () => register.enrol(learner, course);
      return c.json(
        telling('learner-enrolled', enrol, ({ id }) => ({ learner, enrolment: id, course })),
        201,
      );
    })
    .get('/enrolments/:id', (c) => c.json(register.enrolment(c.req.param('id'))))
    .post('/enrolments/:id/assessments', adminOnly, async (c) => {
      const assessment = await readBody(c, NewAssessment);
      const assess = () => register.assess(c.req.param('id'), assessment);
      return c.json(
        telling('assessment-recorded', assess, ({ id, learner, course, state }) => ({
          learner,
          enrolment: id,
          course,
          state,
        })),
        201,
      );
    })
    .post('/enrolments/:id/withdraw', (c) => c.json(register.withdraw(c.req.param('id'))));

  return {
    name: 'sapiens',
    app,
    // Counting reads every table: an unreadable database throws, which is a fail.
    health: () => {
      const { learners, agents, courses, enrolments } = statistics(db);
      return { status: 'pass', metrics: { learners, agents, courses, activeEnrolments: enrolments.active } };
    },
    async close() {
      await outbox.close();
      db.close();
    },
  };
}
