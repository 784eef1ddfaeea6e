import type { AttendeeCard, CheckpointId, Fact } from '../core/api';

/** The last standing move of an attendee at a checkpoint. */
export function lastMove(card: AttendeeCard, checkpoint: CheckpointId): Fact | undefined {
    const here = ({ body }: Fact) =>
        (body.type === 'entry' || body.type === 'walk_in' || body.type === 'exit') && body.checkpoint === checkpoint;
    return card.facts.findLast(({ stands, fact }) => stands && here(fact))?.fact;
}

/** Whether that was in. */
export function insideAt(card: AttendeeCard, checkpoint: CheckpointId): boolean {
    const last = lastMove(card, checkpoint);
    return last !== undefined && last.body.type !== 'exit';
}
