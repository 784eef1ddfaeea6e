/** Things by what they have in common, in their order. (`Map.groupBy` is younger than some phones.) */
export function groupBy<T, K>(all: readonly T[], of: (one: T) => K): Map<K, T[]> {
    const groups = new Map<K, T[]>();
    for (const one of all) {
        const group = groups.get(of(one));
        if (group) group.push(one);
        else groups.set(of(one), [one]);
    }
    return groups;
}
