import { randomUUID } from 'node:crypto';
import { BadRequest, type BusEvent, type Database, NotFound, Unprocessable } from '../kit/index.ts';
import { assign, nameOf, type TopicPartition } from './assignment.ts';
import type { EventLog } from './log.ts';

export interface Commit extends TopicPartition {
  /** The offset after the last event that is done. */
  readonly offset: number;
}

export interface Joining {
  readonly topics: readonly string[];
  readonly from: 'earliest' | 'latest';
  readonly sessionTimeoutMs: number;
  /** A name for one subscription of one process: whoever joins under it takes the place of its earlier life. */
  readonly instance?: string | undefined;
}

interface Member {
  readonly id: string;
  readonly instance: string | null;
  readonly topics: readonly string[];
  readonly sessionTimeoutMs: number;
  isSubscribed(topic: string): boolean;
  /** It was given events, or may have been, and has not come back since. */
  isBusy: boolean;
  /** Ends the session; not set while a poll waits, whose connection shows that the member lives. */
  timer?: NodeJS.Timeout | undefined;
}

interface Group {
  readonly members: Map<string, Member>;
  /** Member by `nameOf(partition)`. */
  owners: Map<string, string>;
  /** Where the next round of reading begins, so that no partition starves another. */
  turn: number;
}

const MAX_GROUPS = 1000;
const MAX_MEMBERS = 1000;

/**
 * Consumer groups. A member takes events and commits them with its next poll, so a partition changes hands only while
 * nobody handles its events, or once its owner is not heard of any more. Members, owners and commits are kept in the
 * database: a bus that starts anew goes on where it was.
 */
export class Groups {
  readonly #db: Database;
  readonly #log: EventLog;
  readonly #now: () => number;
  readonly #groups = new Map<string, Group>();
  /** Called after partitions of a group changed hands: a waiting poll may have something to read. */
  readonly onChange: (group: string) => void;

  constructor(db: Database, log: EventLog, now: () => number, onChange: (group: string) => void) {
    this.#db = db;
    this.#log = log;
    this.#now = now;
    this.onChange = onChange;
    for (const name of db.prepare<[], string>('SELECT name FROM groups').pluck().all()) {
      this.#groups.set(name, this.#load(name));
    }
  }

  /** Takes a member in and returns its id. */
  join(name: string, { topics, from, sessionTimeoutMs, instance }: Joining): string {
    const group = this.#groups.get(name) ?? { members: new Map(), owners: new Map(), turn: 0 };
    if (!this.#groups.has(name) && this.#groups.size >= MAX_GROUPS) {
      throw new Unprocessable(`there are ${MAX_GROUPS} groups already`);
    }
    const former = [...group.members.values()].find((other) => instance !== undefined && other.instance === instance);
    if (group.members.size >= MAX_MEMBERS && !former) {
      throw new Unprocessable(`group ${name} has ${MAX_MEMBERS} members already`);
    }
    const member = memberOf(randomUUID(), instance ?? null, topics, sessionTimeoutMs);
    this.#db
      .transaction(() => {
        this.#db
          .prepare('INSERT INTO groups VALUES (?, ?) ON CONFLICT DO UPDATE SET used_at = excluded.used_at')
          .run(name, this.#now());
        this.#db
          .prepare('INSERT INTO members VALUES (?, ?, ?, ?, ?)')
          .run(name, member.id, member.instance, JSON.stringify(topics), sessionTimeoutMs);
        if (former) this.#deleteMember(name, former.id);
        this.#beginAt(name, member, from);
      })
      .immediate();
    this.#groups.set(name, group);
    if (former) clearTimeout(former.timer);
    if (former) group.members.delete(former.id);
    group.members.set(member.id, member);
    this.#touch(name, member);
    this.rebalance(name);
    return member.id;
  }

  leave(name: string, id: string): void {
    const member = this.#member(name, id);
    this.#db.transaction(() => this.#deleteMember(name, id)).immediate();
    clearTimeout(member.timer);
    this.#groups.get(name)!.members.delete(id);
    this.rebalance(name);
  }

  /** The member is alive, and still at its events. */
  heartbeat(name: string, id: string): void {
    this.#touch(name, this.#member(name, id));
  }

  /**
   * The member is back: it commits what it did and holds nothing any more. Commits of partitions that are no longer its
   * own are refused, and returned. While its poll waits, its session does not end.
   */
  begin(name: string, id: string, commits: readonly Commit[]): TopicPartition[] {
    const member = this.#member(name, id);
    const group = this.#groups.get(name)!;
    for (const { topic, partition, offset } of commits) {
      const end = this.#log.has(topic) ? this.#log.topic(topic).ends[partition] : undefined;
      if (end === undefined || offset > end) {
        throw new BadRequest(`${nameOf({ topic, partition })} has no offset ${offset} to commit`);
      }
    }
    const [refused, own] = [
      commits.filter((commit) => group.owners.get(nameOf(commit)) !== id),
      commits.filter((commit) => group.owners.get(nameOf(commit)) === id),
    ];
    if (own.length > 0) this.#commit(name, own);
    member.isBusy = false;
    clearTimeout(member.timer);
    this.rebalance(name);
    return refused.map(({ topic, partition }) => ({ topic, partition }));
  }

  /** The poll is answered, or its connection gone: the session's time runs again. */
  end(name: string, id: string): void {
    const member = this.#groups.get(name)?.members.get(id);
    if (member) this.#touch(name, member);
  }

  /** The next events of the member's partitions, those of each in order; with them, it is busy until it comes back. */
  read(name: string, id: string, max: number): BusEvent[] {
    const member = this.#member(name, id);
    const group = this.#groups.get(name)!;
    const mine = this.#partitionsOf(group, id);
    const start = group.turn++ % Math.max(mine.length, 1);
    const room = { characters: 2 * 1024 * 1024 };
    const events: BusEvent[] = [];
    for (const { topic, partition } of [...mine.slice(start), ...mine.slice(0, start)]) {
      if (events.length >= max || room.characters <= 0) break;
      const offset = this.#committed(name, topic, partition);
      if (offset >= this.#log.topic(topic).ends[partition]!) continue;
      events.push(...this.#log.read(topic, partition, offset, max - events.length, room));
    }
    member.isBusy = events.length > 0;
    return events;
  }

  /** Events that wait in the member's partitions, and how many those are. */
  standing(name: string, id: string): { lag: number; partitions: number } {
    const mine = this.#partitionsOf(this.#groups.get(name)!, id);
    return { lag: mine.reduce((sum, at) => sum + this.#lag(name, at), 0), partitions: mine.length };
  }

  has(name: string, id: string): boolean {
    return this.#groups.get(name)?.members.has(id) ?? false;
  }

  describe(name: string) {
    const group = this.#groups.get(name);
    if (!group) throw new NotFound(`there is no group ${name}`);
    const topics = this.#db
      .prepare<[string], Commit>('SELECT topic, partition, offset FROM commits WHERE grp = ? ORDER BY topic, partition')
      .all(name);
    const known = new Map(topics.map((commit) => [nameOf(commit), commit]));
    for (const owned of group.owners.keys()) {
      if (!known.has(owned)) known.set(owned, { ...parse(owned), offset: 0 });
    }
    const partitions = [...known.values()]
      .filter(({ topic }) => this.#log.has(topic))
      .map((commit) => ({
        ...commit,
        lag: this.#lag(name, commit),
        member: group.owners.get(nameOf(commit)) ?? null,
      }));
    const members = [...group.members.values()].map(({ id, instance, topics: subscribed, isBusy }) => ({
      member: id,
      instance,
      topics: subscribed,
      isBusy,
      partitions: this.#partitionsOf(group, id).length,
    }));
    return { group: name, lag: partitions.reduce((sum, { lag }) => sum + lag, 0), members, partitions };
  }

  get names(): string[] {
    return [...this.#groups.keys()].sort();
  }

  /** Forgets a group and its commits. */
  remove(name: string): void {
    const group = this.#groups.get(name);
    if (!group) throw new NotFound(`there is no group ${name}`);
    this.#db.prepare('DELETE FROM groups WHERE name = ?').run(name);
    for (const member of group.members.values()) clearTimeout(member.timer);
    this.#groups.delete(name);
    this.onChange(name);
  }

  /** Forgets groups without members that nobody used since `before`. */
  forget(before: number): void {
    const idle = this.#db.prepare<[number], string>('SELECT name FROM groups WHERE used_at < ?').pluck().all(before);
    for (const name of idle) if (this.#groups.get(name)?.members.size === 0) this.remove(name);
  }

  /** For groups that subscribe to a topic that is new. */
  rebalanceAll(): void {
    for (const name of this.names) this.rebalance(name);
  }

  rebalance(name: string): void {
    const group = this.#groups.get(name)!;
    const partitions = this.#log.topics.flatMap(({ name: topic, ends }) =>
      ends.map((_, partition) => ({ topic, partition })),
    );
    const owners = assign(partitions, [...group.members.values()], group.owners);
    const changed = [...new Set([...owners.keys(), ...group.owners.keys()])].filter(
      (partition) => owners.get(partition) !== group.owners.get(partition),
    );
    if (changed.length === 0) return;
    const remove = this.#db.prepare('DELETE FROM owners WHERE grp = ? AND topic = ? AND partition = ?');
    const insert = this.#db.prepare(
      'INSERT INTO owners VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET member = excluded.member',
    );
    this.#db
      .transaction(() => {
        for (const each of changed) {
          const { topic, partition } = parse(each);
          const owner = owners.get(each);
          if (owner) insert.run(name, topic, partition, owner);
          else remove.run(name, topic, partition);
        }
      })
      .immediate();
    group.owners = owners;
    this.onChange(name);
  }

  close(): void {
    for (const { members } of this.#groups.values()) for (const { timer } of members.values()) clearTimeout(timer);
  }

  /** As it was when the last bus ended. Its members may still be at their events, and have a session's time to come back. */
  #load(name: string): Group {
    const members = this.#db
      .prepare<[string], { member: string; instance: string | null; topics: string; session_timeout_ms: number }>(
        'SELECT * FROM members WHERE grp = ?',
      )
      .all(name)
      .map((row) => memberOf(row.member, row.instance, JSON.parse(row.topics), row.session_timeout_ms));
    for (const member of members) {
      member.isBusy = true;
      this.#touch(name, member);
    }
    const owners = this.#db
      .prepare<[string], TopicPartition & { member: string }>('SELECT * FROM owners WHERE grp = ?')
      .all(name);
    return {
      members: new Map(members.map((member) => [member.id, member])),
      owners: new Map(owners.map((owner) => [nameOf(owner), owner.member])),
      turn: 0,
    };
  }

  #member(name: string, id: string): Member {
    const member = this.#groups.get(name)?.members.get(id);
    if (!member) throw new NotFound(`group ${name} has no member ${id}; join again`);
    return member;
  }

  #deleteMember(name: string, id: string): void {
    this.#db.prepare('DELETE FROM members WHERE grp = ? AND member = ?').run(name, id);
  }

  #touch(name: string, member: Member): void {
    clearTimeout(member.timer);
    member.timer = setTimeout(() => this.#expire(name, member.id), member.sessionTimeoutMs);
    member.timer.unref();
  }

  #expire(name: string, id: string): void {
    if (!this.has(name, id)) return;
    try {
      this.leave(name, id);
    } catch (error) {
      process.stderr.write(`group ${name}: a silent member cannot be removed: ${error}\n`);
      this.#touch(name, this.#member(name, id));
    }
  }

  /** Where a group begins in partitions that exist and that it has not seen. Those that come later it reads whole. */
  #beginAt(name: string, member: Member, from: Joining['from']): void {
    const insert = this.#db.prepare('INSERT OR IGNORE INTO commits VALUES (?, ?, ?, ?)');
    for (const { name: topic, ends } of this.#log.topics) {
      if (!member.isSubscribed(topic)) continue;
      for (const [partition, end] of ends.entries()) insert.run(name, topic, partition, from === 'latest' ? end : 0);
    }
  }

  #commit(name: string, commits: readonly Commit[]): void {
    const statement = this.#db.prepare(
      `INSERT INTO commits VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET offset = excluded.offset WHERE excluded.offset > commits.offset`,
    );
    this.#db
      .transaction(() => {
        for (const { topic, partition, offset } of commits) statement.run(name, topic, partition, offset);
        this.#db.prepare('UPDATE groups SET used_at = ? WHERE name = ?').run(this.#now(), name);
      })
      .immediate();
  }

  #committed(name: string, topic: string, partition: number): number {
    const offset = this.#db
      .prepare<[string, string, number], number>(
        'SELECT offset FROM commits WHERE grp = ? AND topic = ? AND partition = ?',
      )
      .pluck()
      .get(name, topic, partition);
    return offset ?? 0;
  }

  #lag(name: string, { topic, partition }: TopicPartition): number {
    return this.#log.topic(topic).ends[partition]! - this.#committed(name, topic, partition);
  }

  #partitionsOf(group: Group, id: string): TopicPartition[] {
    return [...group.owners].filter(([, owner]) => owner === id).map(([partition]) => parse(partition));
  }
}

function memberOf(id: string, instance: string | null, topics: readonly string[], sessionTimeoutMs: number): Member {
  const all = topics.includes('*');
  const isSubscribed = (topic: string) => all || topics.includes(topic);
  return { id, instance, topics, sessionTimeoutMs, isSubscribed, isBusy: false };
}

function parse(name: string): TopicPartition {
  const slash = name.lastIndexOf('/');
  return { topic: name.slice(0, slash), partition: Number(name.slice(slash + 1)) };
}
