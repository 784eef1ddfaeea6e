import type * as r from './api';
import type { Core } from './api';
import { Desk } from './fake/desk';
import { Door } from './fake/door';
import { NOW, checkpoints, event, logistics, rooms, sessions } from './fake/program';
import { Rooms } from './fake/rooms';
import { DEVICE, World } from './fake/world';

/** How the fake's day stands: whose phone it is, and what is unusual about it. */
export type Scenario =
    | 'staff'
    | 'coordinator'
    | 'presenter'
    | 'new'
    | 'empty'
    | 'offline'
    | 'memory'
    | 'broken'
    | 'lease'
    | 'revoked'
    | 'full';

/** A core that lives in memory, for looking at screens and for their tests. What it decides, it decides simply. */
export function openFake(scenario: Scenario = chosen()): Core {
    return new FakeCore(scenario);
}

function chosen(): Scenario {
    const named = new URLSearchParams(location.search).get('fake');
    if (named) sessionStorage.setItem('muster.fake', named);
    return (sessionStorage.getItem('muster.fake') ?? 'staff') as Scenario;
}

class FakeCore implements Core {
    private readonly world: World;
    private readonly door: Door;
    private readonly crew: Rooms;
    private readonly desk: Desk;
    private enrolled: boolean;
    private arriving = 0;

    constructor(private readonly scenario: Scenario) {
        this.enrolled = scenario !== 'new' && scenario !== 'revoked';
        this.world = new World(scenario === 'empty' ? 0 : 1200);
        this.door = new Door(this.world);
        this.crew = new Rooms(this.world);
        this.desk = new Desk(this.world, scenario === 'offline');
        if (scenario === 'coordinator') this.desk.begin(NOW);
        if (scenario !== 'empty' && scenario !== 'new') this.world.begin();
    }

    async me(): Promise<r.Me | null> {
        if (!this.enrolled) return null;
        const type = this.scenario === 'presenter' || this.scenario === 'coordinator' ? this.scenario : 'staff';
        const role: r.Role = type === 'presenter' ? { type, presenter: 'p-Dace Ozolniece' } : { type };
        return { event: 'e000000000000001', device: DEVICE, role };
    }

    async status(): Promise<r.Status> {
        const offline = this.scenario === 'offline';
        const unsent = (await this.unsentFacts()).length;
        const server: r.ServerStatus = {
            server: 'muster',
            url: 'https://muster.example.org',
            link: offline ? { type: 'waiting', retryAt: Date.now() + 20_000 } : { type: 'connected' },
            lastContact: offline ? NOW - 26 * 60_000 : Date.now(),
            factsNotThere: unsent,
            editsNotThere: this.desk.unsent.length,
        };
        const standing = this.scenario === 'lease' ? 'lease_ended' : this.scenario === 'revoked' ? 'forgotten' : 'good';
        const device = {
            device: 'd0000000000000b2',
            by: 'Edgars, gate B',
            lastFactAt: NOW - 10 * 60_000,
            receivedAt: NOW - 9 * 60_000,
        };
        const third = {
            device: 'd0000000000000c3',
            by: 'Rūta, floor 2',
            lastFactAt: NOW - 65 * 60_000,
            receivedAt: NOW - 64 * 60_000,
        };
        return {
            enrolled: this.enrolled,
            label: this.world.label,
            standing,
            keptFacts: 0,
            keptEdits: 0,
            servers: this.enrolled ? [server] : [],
            devices: this.scenario === 'empty' || !this.enrolled ? [] : [third, device],
            parked: offline
                ? [
                      {
                          document: 'rooms',
                          server: 'muster',
                          code: 'not_allowed',
                          facts: 2,
                          edits: 0,
                          since: NOW - 3_600_000,
                      },
                  ]
                : [],
            unusable: [],
            missing: Array.from({ length: this.arriving }, (_, index) => `roster/0${index}`),
            indexing: this.arriving > 0,
        };
    }

    async event(): Promise<r.Event> {
        if (this.scenario === 'lease')
            throw this.world.error(
                'lease_ended',
                'this device was too long without contact; connect it to the network once, everything is still here',
            );
        return event;
    }

    async checkpoints(): Promise<r.Checkpoint[]> {
        if (this.scenario === 'broken')
            throw this.world.error(
                'storage_damaged',
                'the database is damaged; put it aside (its unsent entries are exported) and start anew from the server',
            );
        return this.scenario === 'empty' ? [] : checkpoints.map((one) => ({ ...one }));
    }

    search = async (typed: string, limit = 20) => this.door.search(typed, limit);
    attendee = async (id: string) => this.world.card(id);
    counts = async (checkpoint: string) => this.door.counts(checkpoint);
    doubleAdmissions = async () => this.door.doubles();
    rooms = async () => (this.scenario === 'empty' ? [] : rooms.map((one) => ({ ...one })));
    readinessBoard = async (filter: r.SessionFilter) => (this.scenario === 'empty' ? [] : this.crew.board(filter));
    checklist = async (session: string) => this.crew.checklist(session);
    incidents = async () => this.crew.incidents();
    arrivals = async () => (this.scenario === 'empty' ? [] : this.crew.arrivals());

    async sessions(filter: r.SessionFilter): Promise<r.Session[]> {
        return this.scenario === 'empty'
            ? []
            : sessions.filter(({ room }) => !filter.room || room === filter.room).map((one) => ({ ...one }));
    }

    async myLogistics(): Promise<r.Logistics> {
        if (this.scenario === 'presenter') return { ...logistics };
        throw this.world.error('not_allowed', "this device's role may not do that; ask a coordinator");
    }

    logistics = async () => logistics;
    ownFacts = async () => this.world.facts.filter(({ device }) => device === DEVICE);

    conflicts = async () => this.desk.conflicts();
    choose = async (choice: r.Choice) => this.desk.choose(choice);
    unsentEdits = async () => [...this.desk.unsent];
    editAttendee = async (id: string, edits: r.AttendeeEdit[]) => this.desk.editAttendee(id, edits);
    editSession = async (id: string, edits: r.SessionEdit[]) => this.desk.editSession(id, edits);
    editRoom = async (id: string, edits: r.RoomEdit[]) => this.desk.editRoom(id, edits);
    editCheckpoint = async (id: string, edits: r.CheckpointEdit[]) => this.desk.editCheckpoint(id, edits);
    editNeeds = async (presenter: string, edits: r.NeedsEdit[]) => this.desk.editNeeds(presenter, edits);

    async unsentFacts(): Promise<r.Fact[]> {
        const own = await this.ownFacts();
        return this.scenario === 'offline' ? own : own.filter(({ at }) => at > Date.now() - 3_000);
    }

    async scan(checkpoint: string, code: string, answers: r.Answers = {}): Promise<r.ScanResult> {
        if (this.scenario === 'full')
            throw this.world.error(
                'storage_full',
                'the storage is full and nothing was recorded; free some space and do it again',
            );
        return this.door.scan(checkpoint, code, answers);
    }

    scanBytes = async (checkpoint: string, code: Uint8Array, answers: r.Answers = {}) =>
        this.door.scan(checkpoint, new TextDecoder('utf-8', { fatal: true }).decode(code), answers);
    checkIn = async (wish: r.CheckIn) => this.door.checkIn(wish);
    exit = async (checkpoint: string, attendee: string) =>
        this.world.record({ type: 'exit', attendee, checkpoint }, ['checkins']);
    undo = async (fact: string, reason: string) =>
        this.world.record({ type: 'undo', fact, reason }, ['checkins', 'readiness', 'incidents', 'arrivals']);
    walkIn = async (wish: r.NewWalkIn) => this.door.walkIn(wish);
    settle = async (wish: r.Settle) => this.door.settle(wish);
    observe = async (session: string, item: string, state: r.ItemState, note = '') =>
        this.crew.observe(session, item, state, note);
    reportIncident = async (wish: r.NewIncident) => this.crew.report(wish);
    arrive = async (presenter: string) =>
        this.world.record({ type: 'arrival', presenter, own: this.scenario === 'presenter' }, ['arrivals']);

    async offerAgain(): Promise<void> {
        this.world.tell(['status']);
    }

    async setLabel(label: string): Promise<void> {
        this.world.label = label;
        this.world.tell(['status']);
    }

    async enrol(link: string): Promise<void> {
        if (!/[0-9a-z]{26}$/i.test(link))
            throw this.world.error(
                'enrolment_link',
                'this is not an enrolment link; scan the code that a coordinator shows',
            );
        if (link.endsWith('USED'))
            throw this.world.error(
                'enrolment_code_used',
                'the enrolment code was used before: ask a coordinator for another',
            );
        this.download();
    }

    async signIn(name: string, password: string, event: string): Promise<void> {
        if (name === 'several' && !event)
            throw this.world.error('event_required', 'the account has several events: send event_id');
        if (password.startsWith('wrong')) throw this.world.error('login_failed', 'the name or the password is wrong');
        this.download();
    }

    private download(): void {
        this.enrolled = true;
        this.arriving = 8;
        const step = setInterval(() => {
            this.arriving -= 1;
            if (this.arriving === 0) clearInterval(step);
            this.world.tell(['event', 'program', 'attendees', 'status']);
        }, 400);
    }

    startSync = async () => undefined;
    stopSync = async () => undefined;
    shutdown = async () => undefined;
    accessToken = async () => 'fake';
    decodeQr = async () => null;
    subscribe = (listener: r.ChangeListener) => this.world.subscribe(listener);
    storage = async (): Promise<r.StorageState> => ({
        kind: this.scenario === 'memory' ? 'memory' : 'durable',
        usedBytes: 21_000_000,
        quotaBytes: 2_000_000_000,
    });

    async signOut(): Promise<void> {
        if (this.scenario === 'offline')
            throw this.world.error(
                'unsent_facts',
                'there is work on this phone that no server has; connect once and try again',
            );
        this.enrolled = false;
        this.world.tell(['event', 'status']);
    }

    recoverDatabase = async (): Promise<r.PutAside> => ({ exported: '[]', facts: 0, complete: true });
}
