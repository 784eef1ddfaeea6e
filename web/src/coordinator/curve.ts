/** People admitted over the day, from the server's list of check-ins, and from what this device counts since. */
export interface Point {
    /** Milliseconds since 1970. */
    at: number;
    admitted: number;
}

/** The times of entries at a checkpoint, from the check-ins that the server exports (CSV, RFC 4180). */
export function admissions(csv: string, checkpoint: string): Point[] {
    const [head, ...rows] = records(csv);
    const column = (name: string) => head?.indexOf(name) ?? -1;
    const [time, kind, place, undone] = [column('Time'), column('Kind'), column('Checkpoint'), column('Undone')];
    const times = rows
        .filter((row) => row[kind] !== 'exit' && row[place] === checkpoint && !row[undone])
        .map((row) => Date.parse(row[time] ?? ''))
        .filter((at) => !Number.isNaN(at))
        .sort((one, other) => one - other);
    return times.map((at, index) => ({ at, admitted: index + 1 }));
}

function records(csv: string): string[][] {
    const rows: string[][] = [];
    let [row, field, quoted]: [string[], string, boolean] = [[], '', false];
    const text = csv.replace(/^\uFEFF/, '');
    for (let index = 0; index < text.length; index++) {
        const letter = text[index];
        if (quoted) {
            if (letter === '"' && text[index + 1] === '"') [field, index] = [field + '"', index + 1];
            else if (letter === '"') quoted = false;
            else field += letter;
        } else if (letter === '"') quoted = true;
        else if (letter === ',') [row, field] = [[...row, field], ''];
        else if (letter === '\n') {
            rows.push([...row, field]);
            [row, field] = [[], ''];
        } else if (letter !== '\r') field += letter;
    }
    if (field !== '' || row.length > 0) rows.push([...row, field]);
    return rows;
}

/** Not more points than a screen can show. */
export function thinned(points: Point[], most: number): Point[] {
    if (points.length <= most) return points;
    const step = points.length / most;
    const some = Array.from({ length: most }, (_, index) => points[Math.floor(index * step)] as Point);
    const last = points.at(-1);
    return last ? [...some, last] : some;
}
