import { type Request, type Response, Router } from 'express';
import type { SimulatorClock } from './clock.ts';
import type { PagingSetting } from './control-protocol.ts';
import { BadFilter, type FilterRow, parseFilter } from './filter.ts';
import { directoryError, meetError } from './google-errors.ts';
import { pageOf, pageSizeOf } from './pages.ts';
import { knownConference, knownParticipant, knownSessions } from './reveal.ts';
import type { Grant, TokenOffice } from './tokens.ts';
import type { Conference, Space, World } from './world.ts';

const CREATED = 'https://www.googleapis.com/auth/meetings.space.created';
const READONLY = 'https://www.googleapis.com/auth/meetings.space.readonly';
const DIRECTORY = 'https://www.googleapis.com/auth/admin.directory.user.readonly';

interface Google {
  world: World;
  tokens: TokenOffice;
  clock: SimulatorClock;
  paging(): PagingSetting;
}

/** The part of Google that Rollcall speaks to, under Google's own paths. */
export function googleRoutes({ world, tokens, clock, paging }: Google): Router {
  const router = Router();
  const callerOf = (req: Request, scopes: readonly string[]) =>
    tokens.authorize(req.headers.authorization, scopes);

  router.post('/token', async (req, res) => {
    res.json(await tokens.issue((req.body ?? {}) as Record<string, unknown>));
  });

  router.post('/v2/spaces', (req, res) => {
    const { subject } = callerOf(req, [CREATED]);
    if (subject === null) throw meetError(403, 'The caller does not have permission');
    res.json(spaceResource(world.addSpace({ owner: subject })));
  });

  router.get('/v2/spaces/:key', (req, res) => {
    callerOf(req, [CREATED, READONLY]);
    const space = world.findSpace(req.params.key);
    if (!space) throw meetError(404, 'Requested entity was not found.');
    res.json(spaceResource(space));
  });

  router.post('/v2/spaces/:call', (req, res, next) => {
    const [key = '', method] = req.params.call.split(':');
    if (method !== 'endActiveConference') return next();
    const { subject } = callerOf(req, [CREATED]);
    const space = world.findSpace(key);
    if (!space) throw meetError(404, 'Requested entity was not found.');
    if (subject === null || world.findUser(subject)?.email !== space.ownerEmail) {
      throw meetError(403, 'The caller does not have permission');
    }
    const nowMs = clock.now();
    for (const conference of world.conferences(space)) {
      const goesOn = conference.startMs <= nowMs && (conference.endMs === null || conference.endMs > nowMs);
      if (goesOn) world.endConference(conference, nowMs);
    }
    res.json({});
  });

  router.get('/v2/conferenceRecords', (req, res) => {
    const grant = callerOf(req, [CREATED, READONLY]);
    const nowMs = clock.now();
    const known = world
      .conferences()
      .filter((conference) => mayRead(world, grant, conference))
      .flatMap((conference) => {
        const found = knownConference(conference, nowMs);
        return found ? [{ ...found, space: conference.space }] : [];
      })
      .sort((a, b) => b.startMs - a.startMs);
    const rows = known.map(({ resource, startMs, endMs, space }) => ({
      resource,
      filterRow: {
        'space.name': space.name,
        'space.meeting_code': space.meetingCode,
        start_time: startMs,
        end_time: endMs,
      },
    }));
    sendPage(req, res, 'conferenceRecords', rows, { default: 25, max: 100 });
  });

  router.get('/v2/conferenceRecords/:record', (req, res) => {
    res.json(readable(req).known.resource);
  });

  router.get('/v2/conferenceRecords/:record/participants', (req, res) => {
    const { conference } = readable(req);
    const rows = conference.participants
      .map((participant) => knownParticipant(conference, participant, clock.now()))
      .filter((known) => known !== undefined)
      .sort((a, b) => b.startMs - a.startMs)
      .map(({ resource, startMs, endMs }) => ({
        resource,
        filterRow: { earliest_start_time: startMs, latest_end_time: endMs },
      }));
    sendPage(req, res, 'participants', rows, { default: 100, max: 250 });
  });

  router.get('/v2/conferenceRecords/:record/participants/:participant/participantSessions', (req, res) => {
    const { conference } = readable(req);
    const name = `${conference.name}/participants/${req.params.participant}`;
    const participant = conference.participants.find((candidate) => candidate.name === name);
    if (!participant) throw meetError(404, 'Requested entity was not found.');
    const rows = knownSessions(conference, participant, clock.now())
      .sort((a, b) => b.startMs - a.startMs)
      .map(({ resource, startMs, endMs }) => ({
        resource,
        filterRow: { start_time: startMs, end_time: endMs },
      }));
    sendPage(req, res, 'participantSessions', rows, { default: 100, max: 250 });
  });

  router.get('/admin/directory/v1/users/:key', (req, res) => {
    callerOf(req, [DIRECTORY]);
    // Teachers are no administrators: without this view Google refuses them.
    if (req.query.viewType !== 'domain_public') {
      throw directoryError(403, 'Not Authorized to access this resource/api', 'forbidden');
    }
    const user = world.findUser(req.params.key);
    if (!user) throw directoryError(404, 'Resource Not Found: userKey', 'notFound');
    res.json({
      kind: 'admin#directory#user',
      id: user.id,
      primaryEmail: user.email,
      name: { fullName: user.name },
    });
  });

  router.use((req) => {
    throw meetError(404, `Method not found: ${req.method} ${req.path}`);
  });

  function readable(req: Request) {
    const grant = callerOf(req, [CREATED, READONLY]);
    const conference = world.findConference(`conferenceRecords/${String(req.params.record)}`);
    const known = conference && knownConference(conference, clock.now());
    if (!conference || !known) throw meetError(404, 'Requested entity was not found.');
    if (!mayRead(world, grant, conference)) {
      throw meetError(403, 'Permission denied on resource ConferenceRecord (or it might not exist).');
    }
    return { conference, known };
  }

  function sendPage(
    req: Request,
    res: Response,
    list: string,
    rows: { resource: unknown; filterRow: FilterRow }[],
    sizes: { default: number; max: number },
  ): void {
    const filter = typeof req.query.filter === 'string' ? req.query.filter : '';
    const passes = filterOf(filter, FILTER_FIELDS[list] ?? []);
    // Planted by a fault: the server has forgotten its last rows.
    const hidden = Number(res.locals.hideRows ?? 0);
    const passed = rows.filter(({ filterRow }) => passes(filterRow)).map(({ resource }) => resource);
    const page = pageOf(
      passed.slice(0, Math.max(0, passed.length - hidden)),
      {
        pageSize: pageSizeOf(req.query.pageSize, sizes),
        pageToken: typeof req.query.pageToken === 'string' ? req.query.pageToken : undefined,
        query: `${req.path} ${filter}`,
      },
      paging(),
    );
    res.json({
      ...(page.rows.length === 0 ? {} : { [list]: page.rows }),
      ...(page.nextPageToken === undefined ? {} : { nextPageToken: page.nextPageToken }),
    });
  }

  return router;
}

const FILTER_FIELDS: Record<string, readonly string[]> = {
  conferenceRecords: ['space.name', 'space.meeting_code', 'start_time', 'end_time'],
  participants: ['earliest_start_time', 'latest_end_time'],
  participantSessions: ['start_time', 'end_time'],
};

function filterOf(filter: string, fields: readonly string[]): (row: FilterRow) => boolean {
  try {
    return parseFilter(filter, fields);
  } catch (error) {
    if (error instanceof BadFilter) throw meetError(400, `Invalid filter: ${error.message}`);
    throw error;
  }
}

/** The organizer of the space, and whoever took part signed in. */
function mayRead(world: World, { subject }: Grant, conference: Conference): boolean {
  const user = subject === null ? undefined : world.findUser(subject);
  if (!user) return false;
  if (conference.space.ownerEmail === user.email) return true;
  return conference.participants.some(({ who }) => who.kind === 'signed_in' && who.userId === user.id);
}

export const spaceResource = (space: Space) => ({
  name: space.name,
  meetingUri: `https://meet.google.com/${space.meetingCode}`,
  meetingCode: space.meetingCode,
  config: { accessType: 'TRUSTED', entryPointAccess: 'ALL' },
});
