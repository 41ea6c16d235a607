/** What every command carries. */
export interface CommandFrame {
  /**
   * When the caller stops waiting, in milliseconds since the epoch. Shortly before this moment, the batcher gives up a
   * command that is not decided yet.
   */
  readonly deadlineMs: number;
  /** The trace of the call that brought the command. Its events carry it on. */
  readonly traceparent: string | undefined;
}

/** What a command that changes an existing order carries. */
export interface OrderCommand extends CommandFrame {
  readonly orderId: bigint;
}
