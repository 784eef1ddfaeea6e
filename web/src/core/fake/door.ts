import type * as r from '../api';
import { checkpoints } from './program';
import type { Person } from './people';
import type { World } from './world';

const plain = (text: string) => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
const none = (): r.Count => ({ admitted: 0, inside: 0, admissions: 0, extraInside: 0 });

/** What the fake decides at a door. */
export class Door {
    private last: { code: string; at: number; result: r.ScanResult } | null = null;

    constructor(private readonly world: World) {}

    search(typed: string, limit: number): r.SearchHit[] {
        const words = plain(typed).split(/\s+/).filter(Boolean);
        if (words.join('').length < 2) return [];
        return this.world.people
            .filter(({ attendee, code }) => {
                const text = plain(`${attendee.name} ${attendee.organisation} ${code}`)
                    .split(/[\s-]+/)
                    .concat(plain(code));
                return words.every((word) => text.some((part) => part.startsWith(word)));
            })
            .slice(0, limit)
            .map(({ id, attendee }) => ({ id, attendee, inside: this.world.inside(id) }));
    }

    scan(checkpoint: string, code: string, answers: r.Answers): r.ScanResult {
        if (this.last?.code === code && Object.keys(answers).length === 0 && Date.now() - this.last.at < 3_000) {
            return { ...this.last.result, repeated: true };
        }
        const found = this.world.people.find((one) => one.code === code);
        const result = found
            ? this.admit(checkpoint, found, 'scan', answers, '')
            : this.result(code.startsWith('X-') ? { type: 'wrong_event' } : { type: 'unknown' }, null);
        this.last = { code, at: Date.now(), result };
        return result;
    }

    checkIn(wish: r.CheckIn): r.ScanResult {
        return this.admit(
            wish.checkpoint,
            this.world.find(wish.attendee),
            wish.via,
            wish.answers ?? {},
            wish.despite ?? '',
        );
    }

    private admit(
        id: string,
        { id: attendee, attendee: who }: Person,
        via: r.EntryVia,
        answers: r.Answers,
        despite: string,
    ): r.ScanResult {
        const checkpoint = checkpoints.find((one) => one.id === id);
        if (!checkpoint)
            throw this.world.error(
                'checkpoint_unknown',
                'there is no such checkpoint; choose another, or connect once to hear of new ones',
            );
        const verdict = this.verdict(checkpoint, attendee, who, answers);
        const recorded =
            verdict.type === 'admitted' || despite
                ? this.world.record({ type: 'entry', attendee, checkpoint: id, via, answers, despite }, ['checkins'])
                : null;
        return this.result(verdict, this.world.card(attendee), recorded);
    }

    private verdict(checkpoint: r.Checkpoint, id: string, who: r.Attendee, answers: r.Answers): r.Verdict {
        if (who.registration === 'cancelled' || who.registration === 'blocked') return { type: who.registration };
        if (who.registration === 'unpaid' && !checkpoint.admitsUnpaid) return { type: 'unpaid' };
        if (checkpoint.categories.length > 0 && !checkpoint.categories.includes(who.category)) {
            return { type: 'wrong_category', category: who.category, admits: checkpoint.categories };
        }
        if (checkpoint.validFrom && Date.now() < checkpoint.validFrom)
            return { type: 'too_early', admitsFrom: checkpoint.validFrom };
        const entry = this.world.entry(id, checkpoint.id);
        if (entry)
            return {
                type: 'already_in',
                at: entry.correctedAt,
                checkpoint: checkpoint.id,
                device: entry.device,
                fact: entry.id,
            };
        const open = checkpoint.questions.filter((question) => question.required && !answers[question.id]);
        if (open.length > 0) return { type: 'answers_required', questions: checkpoint.questions };
        return { type: 'admitted' };
    }

    private result(verdict: r.Verdict, card: r.AttendeeCard | null, recorded: r.Recorded | null = null): r.ScanResult {
        return { verdict, code: verdict.type, recorded, card, bearer: null, repeated: false };
    }

    walkIn(wish: r.NewWalkIn): r.Recorded {
        if (!wish.name.trim()) throw this.world.error('text_missing', 'say what happened or give a name');
        const number = this.world.people.length;
        const id = `w${number.toString().padStart(15, '0')}`;
        const { name, organisation = '', category = '' } = wish;
        const attendee: r.Attendee = {
            name,
            organisation,
            category,
            registration: 'confirmed',
            order: '',
            notes: '',
            attention: false,
            validFrom: null,
            validUntil: null,
            language: '',
        };
        this.world.add({ id, code: '', attendee });
        const body: r.FactBody = {
            type: 'walk_in',
            attendee: id,
            checkpoint: wish.checkpoint,
            name,
            organisation,
            category,
        };
        return this.world.record(body, ['checkins', 'attendees'], id);
    }

    counts(checkpoint: string): r.Counts {
        const total = none();
        const byCategory = new Map<string, r.Count>();
        for (const { id, attendee } of this.world.people) {
            const entries = this.world
                .about(id)
                .filter(
                    ({ body }) => (body.type === 'entry' || body.type === 'walk_in') && body.checkpoint === checkpoint,
                );
            const standing = entries.filter((fact) => this.world.stands(fact)).length;
            if (standing === 0) continue;
            const own = byCategory.get(attendee.category) ?? none();
            byCategory.set(attendee.category, own);
            for (const count of [own, total]) {
                count.admitted += 1;
                count.admissions += standing;
                if (this.world.entry(id, checkpoint)) count.inside += 1;
            }
        }
        const sorted = [...byCategory].sort(([one], [other]) => one.localeCompare(other));
        return { total, byCategory: sorted.map(([category, count]) => ({ category, count })) };
    }

    doubles(): r.DoubleAdmission[] {
        const checkpoint = this.world.checkpoint(0);
        const found: r.DoubleAdmission[] = [];
        for (const { id, attendee } of this.world.people) {
            const facts = this.world.about(id);
            const admissions = facts.filter(
                (fact) => fact.body.type === 'entry' && fact.body.checkpoint === checkpoint && this.world.stands(fact),
            );
            if (admissions.length < 2) continue;
            const settled = facts.find((fact) => fact.body.type === 'resolution' && this.world.stands(fact));
            const body = settled?.body.type === 'resolution' ? settled.body : null;
            found.push({
                attendee: id,
                card: attendee,
                checkpoint,
                admissions,
                settledBy: settled?.id ?? null,
                found: body?.found ?? null,
                note: body?.note ?? '',
            });
        }
        return found;
    }

    settle(wish: r.Settle): r.Recorded {
        const { attendee, checkpoint, found, admissions = [], note = '' } = wish;
        return this.world.record({ type: 'resolution', attendee, checkpoint, facts: admissions, found, note }, [
            'double_admissions',
            'checkins',
        ]);
    }
}
