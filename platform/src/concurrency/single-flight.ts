/** What a flight's work gets to see. */
export interface Flight {
  /** Aborts when nobody waits for the flight any more, unless it has left. */
  readonly signal: AbortSignal;
  /** From here on it costs more to call it off than to let it end: it ends by itself, whoever still waits. */
  readonly leave: () => void;
  /** It can be called off again. When nobody waits any more, it is. */
  readonly comeBack: () => void;
}

export interface SingleFlight<K, V> {
  /**
   * Runs `work`, or joins the run of the same key that is under way. The signal ends this caller's wait, not the others'.
   * A failure reaches all who wait; the next caller starts anew.
   */
  run(key: K, work: (flight: Flight) => Promise<V>, signal?: AbortSignal): Promise<V>;
}

interface Running<V> {
  readonly result: Promise<V>;
  readonly nobodyWaits: AbortController;
  waiting: number;
  hasLeft: boolean;
}

/** One run of a key at a time, in this process: whoever wants the same waits for the same answer. */
export function createSingleFlight<K, V>(): SingleFlight<K, V> {
  const flights = new Map<K, Running<V>>();

  function start(key: K, work: (flight: Flight) => Promise<V>): Running<V> {
    const nobodyWaits = new AbortController();
    const { promise, resolve } = Promise.withResolvers<V>();
    const flight: Running<V> = { result: promise, nobodyWaits, waiting: 0, hasLeft: false };
    flights.set(key, flight);
    const forget = () => {
      if (flights.get(key) === flight) flights.delete(key);
    };
    const leave = () => {
      flight.hasLeft = true;
    };
    const comeBack = () => {
      flight.hasLeft = false;
      dropIfAlone(key, flight);
    };
    const run = async () => work({ signal: nobodyWaits.signal, leave, comeBack });
    resolve(run().finally(forget));
    // A flight that nobody waits for any more may fail unheard.
    promise.catch(() => {});
    return flight;
  }

  function dropIfAlone(key: K, flight: Running<V>): void {
    if (flight.waiting > 0 || flight.hasLeft || flights.get(key) !== flight) return;
    flights.delete(key);
    flight.nobodyWaits.abort();
  }

  return {
    async run(key, work, signal) {
      signal?.throwIfAborted();
      const flight = flights.get(key) ?? start(key, work);
      flight.waiting += 1;
      const gone = Promise.withResolvers<never>();
      const onAbort = () => gone.reject(signal?.reason);
      signal?.addEventListener('abort', onAbort, { once: true });
      try {
        return await Promise.race([flight.result, gone.promise]);
      } finally {
        signal?.removeEventListener('abort', onAbort);
        flight.waiting -= 1;
        dropIfAlone(key, flight);
      }
    },
  };
}
