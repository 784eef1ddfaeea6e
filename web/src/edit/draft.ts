/** One field's edit, as the core takes them: the field's name and what it is to say. */
interface FieldEdit {
    type: string;
    value: unknown;
}

/** A record's fields as a form has them, by the names of their edits. */
export type Draft<E extends FieldEdit> = { [Edit in E as Edit['type']]: Edit['value'] };

/**
 * What somebody changed since they began, in the order of the draft. What they left alone is not named, so that what
 * somebody else makes of it meanwhile stays.
 */
export function edits<E extends FieldEdit>(before: Draft<E>, now: Draft<E>): E[] {
    const said = (value: unknown) => JSON.stringify(value ?? null);
    const fields = Object.entries(now).filter(([type, value]) => said(value) !== said(before[type as E['type']]));
    return fields.map(([type, value]) => ({ type, value: value ?? null }) as E);
}
