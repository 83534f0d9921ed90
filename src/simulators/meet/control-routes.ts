import { json, type NextFunction, type Request, type Response, Router } from 'express';
import { ZodError } from 'zod';
import type { CallLog } from './call-log.ts';
import type { SimulatorClock } from './clock.ts';
import {
  clockSchema,
  conferenceChangeSchema,
  conferenceSchema,
  delegationSchema,
  faultSchema,
  type PagingSetting,
  pagingSchema,
  provisionSchema,
  spaceSchema,
  userSchema,
} from './control-protocol.ts';
import type { FaultBoard } from './faults.ts';
import { spaceResource } from './google-routes.ts';
import type { TokenOffice } from './tokens.ts';
import { describeConference, type World } from './world.ts';

/** The calls under `/_simulator/` by which a test, the demo or another process says what happens at this Google. */
export function controlRoutes(deps: {
  world: World;
  tokens: TokenOffice;
  clock: SimulatorClock;
  faults: FaultBoard;
  calls: CallLog;
  setPaging(paging: PagingSetting): void;
}): Router {
  const { world, tokens, clock, faults, calls } = deps;
  const router = Router();
  router.use(json({ limit: '10mb' }));

  router.post('/users', (req, res) => {
    res.status(201).json(world.addUser(userSchema.parse(req.body)));
  });
  router.post('/spaces', (req, res) => {
    const wanted = spaceSchema.parse(req.body);
    if (!world.findUser(wanted.owner)) world.addUser({ email: wanted.owner });
    const { name, meetingCode, meetingUri } = spaceResource(world.addSpace(wanted));
    res.status(201).json({ name, meetingCode, meetingUri });
  });
  router.post('/conferences', (req, res) => {
    const script = conferenceSchema.parse(req.body);
    const space = world.findSpace(script.space);
    if (!space) throw new NotKnown(`no space ${script.space}: make it with POST /_simulator/spaces`);
    res.status(201).json(describeConference(world.addConference(space, script)));
  });
  router.patch('/conferences/:record', (req, res) => {
    const conference = world.findConference(`conferenceRecords/${req.params.record}`);
    if (!conference) throw new NotKnown(`no conference record ${req.params.record}`);
    world.changeConference(conference, conferenceChangeSchema.parse(req.body));
    res.json(describeConference(conference));
  });

  router.get('/clock', (_req, res) => {
    res.json({ now_ms: clock.now() });
  });
  router.put('/clock', (req, res) => {
    const setting = clockSchema.parse(req.body);
    clock.set(
      'now' in setting ? { kind: 'still', atMs: setting.now } : { kind: 'real', offsetMs: setting.offset_ms },
    );
    res.json({ now_ms: clock.now() });
  });

  router.post('/faults', (req, res) => {
    faults.plant(faultSchema.parse(req.body));
    res.status(201).json({});
  });
  router.delete('/faults', (_req, res) => {
    faults.clear();
    res.json({});
  });
  router.put('/paging', (req, res) => {
    deps.setPaging(pagingSchema.parse(req.body));
    res.json({});
  });
  router.put('/delegation', (req, res) => {
    tokens.setDelegation(delegationSchema.parse(req.body));
    res.json({});
  });
  router.put('/provision', (req, res) => {
    tokens.setAutoProvision(provisionSchema.parse(req.body).auto_provision);
    res.json({});
  });
  router.post('/revoke-tokens', (_req, res) => {
    tokens.revokeAll();
    res.json({});
  });

  router.get('/calls', (_req, res) => {
    res.json({ ...calls.report(), tokensIssued: tokens.issuedCount() });
  });
  router.delete('/calls', (_req, res) => {
    calls.reset();
    tokens.resetCount();
    res.json({});
  });

  router.use((error: unknown, _req: Request, res: Response, next: NextFunction) => {
    if (error instanceof ZodError) {
      const details = error.issues.map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`);
      res.status(400).json({ error: details.join('; ') });
    } else if (error instanceof RangeError) {
      res.status(400).json({ error: error.message });
    } else if (error instanceof NotKnown) {
      res.status(404).json({ error: error.message });
    } else next(error);
  });
  return router;
}

class NotKnown extends Error {}
