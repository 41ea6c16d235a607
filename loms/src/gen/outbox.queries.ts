/** Types generated for queries found in "sql/loms/queries/outbox.sql" */
import { PreparedQuery } from '@pgtyped/runtime';

export type order_status = 'awaiting payment' | 'cancelled' | 'failed' | 'new' | 'payed';

/** 'ListQuarantined' parameters type */
export interface IListQuarantinedParams {
  limit: number;
}

/** 'ListQuarantined' return type */
export interface IListQuarantinedResult {
  moment: Date;
  order_id: bigint;
  position: bigint;
  quarantine: string;
  status: order_status;
  version: number;
}

/** 'ListQuarantined' query type */
export interface IListQuarantinedQuery {
  params: IListQuarantinedParams;
  result: IListQuarantinedResult;
}

const listQuarantinedIR: any = {"usedParamSet":{"limit":true},"params":[{"name":"limit","required":true,"transform":{"type":"scalar"},"locs":[{"a":223,"b":229}]}],"statement":"select e.position, e.order_id, e.version, e.status, e.moment, e.quarantine as \"quarantine!\"\n  from order_events e\n where e.quarantine is not null\n   and e.log_offset is null\n   and not e.skipped\n order by e.position\n limit :limit!::integer"};

/**
 * Query generated from SQL:
 * ```
 * select e.position, e.order_id, e.version, e.status, e.moment, e.quarantine as "quarantine!"
 *   from order_events e
 *  where e.quarantine is not null
 *    and e.log_offset is null
 *    and not e.skipped
 *  order by e.position
 *  limit :limit!::integer
 * ```
 */
export const listQuarantined = new PreparedQuery<IListQuarantinedParams,IListQuarantinedResult>(listQuarantinedIR);


/** 'RetryEvent' parameters type */
export interface IRetryEventParams {
  orderId: bigint;
  version: number;
}

/** 'RetryEvent' return type */
export type IRetryEventResult = void;

/** 'RetryEvent' query type */
export interface IRetryEventQuery {
  params: IRetryEventParams;
  result: IRetryEventResult;
}

const retryEventIR: any = {"usedParamSet":{"orderId":true,"version":true},"params":[{"name":"orderId","required":true,"transform":{"type":"scalar"},"locs":[{"a":63,"b":71}]},{"name":"version","required":true,"transform":{"type":"scalar"},"locs":[{"a":87,"b":95}]}],"statement":"update order_events\n   set quarantine = null\n where order_id = :orderId! and version = :version!\n   and quarantine is not null and log_offset is null and not skipped"};

/**
 * Query generated from SQL:
 * ```
 * update order_events
 *    set quarantine = null
 *  where order_id = :orderId! and version = :version!
 *    and quarantine is not null and log_offset is null and not skipped
 * ```
 */
export const retryEvent = new PreparedQuery<IRetryEventParams,IRetryEventResult>(retryEventIR);


/** 'SkipEvent' parameters type */
export interface ISkipEventParams {
  orderId: bigint;
  reason: string;
  version: number;
}

/** 'SkipEvent' return type */
export type ISkipEventResult = void;

/** 'SkipEvent' query type */
export interface ISkipEventQuery {
  params: ISkipEventParams;
  result: ISkipEventResult;
}

const skipEventIR: any = {"usedParamSet":{"orderId":true,"version":true,"reason":true},"params":[{"name":"orderId","required":true,"transform":{"type":"scalar"},"locs":[{"a":201,"b":209}]},{"name":"version","required":true,"transform":{"type":"scalar"},"locs":[{"a":225,"b":233}]},{"name":"reason","required":true,"transform":{"type":"scalar"},"locs":[{"a":431,"b":438}]}],"statement":"-- Stores the operator's reason together with the decision. The relay then publishes a marker in place of the event.\nwith skipped as (\n  update order_events\n     set skipped = true\n   where order_id = :orderId! and version = :version!\n     and quarantine is not null and log_offset is null and not skipped\n  returning order_id, version\n)\ninsert into audit (action, subject, reason)\nselect 'skip event', order_id || '-' || version, :reason!\n  from skipped"};

/**
 * Query generated from SQL:
 * ```
 * -- Stores the operator's reason together with the decision. The relay then publishes a marker in place of the event.
 * with skipped as (
 *   update order_events
 *      set skipped = true
 *    where order_id = :orderId! and version = :version!
 *      and quarantine is not null and log_offset is null and not skipped
 *   returning order_id, version
 * )
 * insert into audit (action, subject, reason)
 * select 'skip event', order_id || '-' || version, :reason!
 *   from skipped
 * ```
 */
export const skipEvent = new PreparedQuery<ISkipEventParams,ISkipEventResult>(skipEventIR);


