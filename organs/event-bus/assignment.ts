/** Who of a group has which partitions: a pure calculation, so that it can be tested as a property. */

export interface Candidate {
  readonly id: string;
  isSubscribed(topic: string): boolean;
  /** It may be handling events now: none of its partitions may go to another before it comes back. */
  readonly isBusy: boolean;
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}

/**
 * The owner of each partition by `nameOf`. Whoever has a partition keeps it, unless it has two more of that topic than
 * another member and is not busy; what is free goes to the member with the fewest of that topic, then the fewest of all.
 */
export function assign(
  partitions: readonly TopicPartition[],
  members: readonly Candidate[],
  owners: ReadonlyMap<string, string>,
): Map<string, string> {
  const result = new Map<string, string>();
  const total = new Map(members.map(({ id }) => [id, 0]));

  for (const [topic, ofTopic] of Map.groupBy(partitions, (partition) => partition.topic)) {
    const subscribed = members.filter((member) => member.isSubscribed(topic));
    if (subscribed.length === 0) continue;
    const held = new Map<string, string[]>(subscribed.map(({ id }) => [id, []]));
    const count = (id: string) => held.get(id)!.length;
    const give = (name: string, id: string) => {
      held.get(id)!.push(name);
      total.set(id, total.get(id)! + 1);
    };
    const names = ofTopic.map(nameOf);
    const free = names.filter((name) => !held.has(owners.get(name) ?? ''));
    for (const name of names) if (!free.includes(name)) give(name, owners.get(name)!);
    const poorest = () =>
      subscribed.reduce((a, b) => ((count(b.id) - count(a.id) || total.get(b.id)! - total.get(a.id)!) < 0 ? b : a));
    for (const name of free) give(name, poorest().id);

    for (;;) {
      const poor = poorest();
      const rich = subscribed.find(({ id, isBusy }) => !isBusy && count(id) > count(poor.id) + 1);
      if (!rich) break;
      give(held.get(rich.id)!.pop()!, poor.id);
      total.set(rich.id, total.get(rich.id)! - 1);
    }
    for (const [id, mine] of held) for (const name of mine) result.set(name, id);
  }
  return result;
}
