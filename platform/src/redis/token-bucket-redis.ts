import {
  type Clock,
  type Reservation,
  type TokenBucket,
  type TurnSource,
  createBreaker,
  createTurnQueue,
} from '../concurrency/index.ts';
import type { Redis } from './client.ts';

/** Dependencies of a shared token bucket. */
interface SharedTokenBucketDeps {
  readonly clock: Clock;
  readonly redis: Pick<Redis, 'send' | 'onReady'>;
  /** Called with false when this process falls back to its part of the limit, and with true when it shares again. */
  readonly onChange?: (isShared: boolean) => void;
}

/** Bounds of a shared token bucket. */
interface SharedTokenBucketLimits {
  /** Name of the bucket in Redis. All processes that use it must have the same rate and burst. */
  readonly key: string;
  /** Rate of all processes together. */
  readonly ratePerSecond: number;
  /** Maximum number of turns at once after a pause, for all processes together. */
  readonly burst: number;
  /** Number of processes that share the bucket. Without Redis, each takes an equal part of the rate. */
  readonly instances: number;
  /** Maximum number of callers of this process that wait. Further callers are refused. */
  readonly maxWaiting: number;
}

/*
  The generic cell rate algorithm (ITU-T I.371, virtual scheduling) in one round trip. It uses the clock of Redis, in
  microseconds, so that the clocks of the callers need not agree. KEYS[1] holds the time at which the bucket is full
  again. ARGV holds the interval, the tolerance for bursts, the longest wait that the caller accepts, `quiet`, `most`.

  When the bucket is new or Redis has lost its memory, the key is missing. Then no turn is handed out for `quiet`,
  because processes that went on with their own parts may not have noticed the return of Redis yet. After the clock of
  Redis was set back, nobody waits longer than `most`. The key has no TTL; otherwise a pause would look like a loss of
  memory.
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

/** Pause after a failed call to Redis. */
const PROBE_PAUSE_MS = 250;
/** Longer than any process needs to notice the return of Redis, see `SHARED_AGAIN_MS`. */
const QUIET_MS = 1_000;
const MAX_SHARED_WAIT_MS = 60_000;
/** Stands for an unlimited wait, in calls to Redis. */
const MAX_PATIENCE_MS = 86_400_000;
const MAX_LATE_SHARE = 0.75;
// Delays of the network and of timers must not squeeze another turn into a second.
const PART_MARGIN = 1.05;

/**
 * Milliseconds after the return of Redis until the shared limit holds again: 200 to connect, 250 until the next call,
 * and 1000 in which a Redis that lost its memory hands out nothing. After that, a process may still use one turn that
 * it had reserved from its own part.
 */
export const SHARED_AGAIN_MS = 1_500;

/**
 * Creates a token bucket that several processes share through Redis.
 *
 * Turns are due at points in time, as in `createTokenBucket`. A process reserves one turn at a time
 * (`createTurnQueue`), so a caller that leaves passes its turn to the next one of its process, and at most one turn of
 * each process is wasted. A turn that could not be taken for three quarters of an interval is discarded: a busy process
 * gets fewer turns and never catches up. The last quarter of the interval is left for the answer of Redis and for the
 * way to the destination. While the two take no longer than that, any window of one second has at most rate + burst
 * turns.
 *
 * While Redis cannot be reached, each process falls back to its part of the rate. If the part is one turn a second or
 * more, it is rounded down to whole turns. They are evenly spaced, and the first is due an interval after the fallback,
 * so that the sum of all processes stays within the limit from the first moment on. The sum exceeds the limit only
 * while some processes reach Redis and others do not: those others add their parts to the full rate that is shared
 * through Redis.
 */
export function createSharedTokenBucket(deps: SharedTokenBucketDeps, limits: SharedTokenBucketLimits): TokenBucket {
  const intervalMs = 1000 / limits.ratePerSecond;
  const source = createSource(deps, limits, intervalMs);
  // Asks once for a turn at each connection. The negative wait reserves nothing, but a new bucket begins its quiet
  // second at the first connection instead of at the first caller.
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

  /** Estimates the gap: in rotation, the next turn is as many intervals away as there are processes that want one. */
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
    // Redis loses its scripts when it restarts.
    if (error instanceof Error && error.message.startsWith('NOSCRIPT')) return redis.send('EVAL', TAKE, ...rest);
    throw error;
  });
  const [isGranted, waitUs] = reply as [number, number];
  return { isGranted: isGranted === 1, waitMs: waitUs / 1000 };
}

/** Creates this process's own part of the limit, for the time without Redis. */
function createPart(clock: Pick<Clock, 'nowMs'>, { ratePerSecond, instances }: SharedTokenBucketLimits) {
  const share = ratePerSecond / instances;
  // With fractions of turns, several processes could each have one turn more in the same second.
  const intervalMs = (1000 / (share >= 1 ? Math.floor(share) : share)) * PART_MARGIN;
  let nextMs = 0;
  /** Returns when the next turn is due, at most an interval away even after the clock was set back. */
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
    /** A turn that is used late delays the following ones. Nothing is caught up. */
    used() {
      nextMs = Math.max(nextMs, clock.nowMs() + intervalMs);
    },
  };
}
