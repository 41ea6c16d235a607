/** What every command carries. */
export interface CommandFrame {
  /** Milliseconds since the epoch. A command that is undecided at this moment is not decided any more. */
  readonly deadlineMs: number;
  /** The trace of the call that brought the command. Its events carry it on. */
  readonly traceparent: string | undefined;
}

/** What a command that changes an existing order carries. */
export interface OrderCommand extends CommandFrame {
  readonly orderId: bigint;
}
