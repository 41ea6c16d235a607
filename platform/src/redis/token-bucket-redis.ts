import {
  type Clock,
  type Reservation,
  type TokenBucket,
  type TurnSource,
  createBreaker,
  createTurnQueue,
} from '../concurrency/index.ts';
import type { Redis } from './client.ts';

export interface SharedTokenBucketDeps {
  readonly clock: Clock;
  readonly redis: Pick<Redis, 'send' | 'onReady'>;
  /** Told when this process leaves the shared limit, and when it is back. */
  readonly onChange?: (isShared: boolean) => void;
}

export interface SharedTokenBucketLimits {
  /** Names the bucket in Redis. All who use it must have the same rate and burst. */
  readonly key: string;
  /** Of all processes together. */
  readonly ratePerSecond: number;
  /** How many may go at once after a rest, of all processes together. */
  readonly burst: number;
  /** Processes that share it. Without Redis each takes its part of the rate. */
  readonly instances: number;
  /** Callers of this process whose turn has not come; the next one is refused. */
  readonly maxWaiting: number;
}

/*
  The generic cell rate algorithm (ITU-T I.371, virtual scheduling) in one round trip. Redis' own clock counts, in
  microseconds, so that the clocks of the callers need not agree. KEYS[1] holds when the bucket would be full again.

  A Redis that knows nothing of the bucket, because it is new or has lost its memory, gives out no turn for `quiet`: those
  who went on with their own parts may not have seen it yet. A clock that is set back makes nobody wait longer than `most`.
  The key has no TTL, so that a rest does not look like a loss.
*/
const TAKE = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, tolerance, patience = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local quiet, most = tonumber(ARGV[4]), tonumber(ARGV[5])
local full = tonumber(redis.call('GET', KEYS[1]) or '') or (now + tolerance + quiet)
full = math.max(now, math.min(full, now + tolerance + most))
local wait = math.max(0, full - tolerance - now)
local granted = wait <= patience
if granted then full = full + interval end
redis.call('SET', KEYS[1], string.format('%.0f', full))
return {granted and 1 or 0, wait}
`;
const SHA = new Bun.CryptoHasher('sha1').update(TAKE).digest('hex');

/** How soon a Redis that fails is asked again. */
const PROBE_PAUSE_MS = 250;
/** Longer than everybody needs to see that Redis is back: see `SHARED_AGAIN_MS`. */
const QUIET_MS = 1_000;
const MAX_SHARED_WAIT_MS = 60_000;
/** A patience without an end, for Redis. */
const MAX_PATIENCE_MS = 86_400_000;
const MAX_LATE_SHARE = 0.75;
// What the network and timers add must not squeeze one more turn into a second.
const PART_MARGIN = 1.05;

/**
 * Within this time of Redis' return the shared limit holds again for whoever wants turns: 200 ms to connect, 250 ms to
 * ask again, and a second in which a Redis that lost its memory gives out nothing. Beyond it, one turn that a process
 * reserved of its own part.
 */
export const SHARED_AGAIN_MS = 1_500;

/**
 * A token bucket that processes share through Redis.
 *
 * Turns have places in time, as in `createTokenBucket`. A process reserves one at a time (`createTurnQueue`), so a caller
 * that leaves gives its turn to the next one of its process, and at most one turn a process is lost. A turn that could not
 * be taken for three quarters of an interval is given up: a busy process gets less, and never makes it up later. What is
 * left of the interval is for the way to Redis and to the place that is called; where that is enough, any second, wherever
 * it begins, has at most rate + burst turns.
 *
 * While Redis cannot be asked, each process falls to its part of the rate: whole turns a second where the part is one or
 * more, evenly spaced and the first an interval away, so that the sum stays below the limit from the first moment on. A
 * process that alone cannot reach Redis adds its part to what the others share: then, and only then, the sum can pass the
 * rate, by that part.
 */
export function createSharedTokenBucket(deps: SharedTokenBucketDeps, limits: SharedTokenBucketLimits): TokenBucket {
  const intervalMs = 1000 / limits.ratePerSecond;
  const source = createSource(deps, limits, intervalMs);
  // The second of quiet begins with the first connection, not with the first caller.
  deps.redis.onReady = () => void take(deps.redis, limits, intervalMs, -1).catch(() => {});
  return createTurnQueue(deps.clock, { maxWaiting: limits.maxWaiting, maxLateMs: MAX_LATE_SHARE * intervalMs }, source);
}

function createSource(deps: SharedTokenBucketDeps, limits: SharedTokenBucketLimits, intervalMs: number): TurnSource {
  const { clock, onChange } = deps;
  const breaker = createBreaker({ clock, judge: () => 'failure' }, { maxFailures: 1, openMs: PROBE_PAUSE_MS });
  const part = createPart(clock, limits);
  let isShared = true;
  let lastDueMs = 0;
  let gapMs = intervalMs;

  /** In rotation a turn comes as many intervals later as there are processes that want one. */
  function noteDue(dueMs: number): void {
    gapMs = Math.min(Math.max(dueMs - lastDueMs, intervalMs), intervalMs * limits.instances);
    lastDueMs = dueMs;
  }

  function change(toShared: boolean): void {
    if (isShared === toShared) return;
    isShared = toShared;
    if (!isShared) part.begin();
    onChange?.(isShared);
  }

  return {
    async reserve(maxWaitMs) {
      try {
        const reservation = await breaker.run(() => take(deps.redis, limits, intervalMs, maxWaitMs));
        change(true);
        if (reservation.isGranted) noteDue(clock.nowMs() + reservation.waitMs);
        return reservation;
      } catch {
        change(false);
        return part.reserve(maxWaitMs);
      }
    },
    used: () => part.used(),
    get gapMs() {
      return isShared ? gapMs : part.intervalMs;
    },
    get minGapMs() {
      return isShared ? intervalMs : Math.min(intervalMs, part.intervalMs);
    },
  };
}

async function take(
  redis: Pick<Redis, 'send'>,
  { key, burst }: SharedTokenBucketLimits,
  intervalMs: number,
  maxWaitMs: number,
): Promise<Reservation> {
  const patienceMs = Math.min(maxWaitMs, MAX_PATIENCE_MS);
  const values = [intervalMs, (burst - 1) * intervalMs, patienceMs, QUIET_MS, MAX_SHARED_WAIT_MS];
  const rest = ['1', key, ...values.map((ms) => (ms * 1000).toFixed(0))];
  const reply = await redis.send('EVALSHA', SHA, ...rest).catch((error: unknown) => {
    // Redis forgets scripts when it is started again.
    if (error instanceof Error && error.message.startsWith('NOSCRIPT')) return redis.send('EVAL', TAKE, ...rest);
    throw error;
  });
  const [isGranted, waitUs] = reply as [number, number];
  return { isGranted: isGranted === 1, waitMs: waitUs / 1000 };
}

/** This process's own part of the limit, for as long as Redis is away. */
function createPart(clock: Pick<Clock, 'nowMs'>, { ratePerSecond, instances }: SharedTokenBucketLimits) {
  const share = ratePerSecond / instances;
  // Whole turns: else the seconds in which several processes have one more come together.
  const intervalMs = (1000 / (share >= 1 ? Math.floor(share) : share)) * PART_MARGIN;
  let nextMs = 0;
  /** The clock may be set back. */
  const next = () => Math.min(nextMs, clock.nowMs() + intervalMs);
  return {
    intervalMs,
    begin() {
      nextMs = clock.nowMs() + intervalMs;
    },
    reserve(maxWaitMs: number): Reservation {
      const waitMs = Math.max(0, next() - clock.nowMs());
      const isGranted = waitMs <= maxWaitMs;
      if (isGranted) nextMs = clock.nowMs() + waitMs + intervalMs;
      return { isGranted, waitMs };
    },
    /** One that comes late moves those behind it: nothing is caught up. */
    used() {
      nextMs = Math.max(nextMs, clock.nowMs() + intervalMs);
    },
  };
}
