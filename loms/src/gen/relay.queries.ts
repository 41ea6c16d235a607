/** Types generated for queries found in "sql/loms/queries/relay.sql" */
import { PreparedQuery } from '@pgtyped/runtime';

export type order_status = 'awaiting payment' | 'cancelled' | 'failed' | 'new' | 'payed';

export type bigintArray = (bigint)[];

export type numberArray = (number)[];

/** 'FindUnpublished' parameters type */
export interface IFindUnpublishedParams {
  limit: number;
}

/** 'FindUnpublished' return type */
export interface IFindUnpublishedResult {
  moment: Date;
  order_id: bigint;
  position: bigint;
  skipped: boolean;
  status: order_status;
  traceparent: string | null;
  version: number;
}

/** 'FindUnpublished' query type */
export interface IFindUnpublishedQuery {
  params: IFindUnpublishedParams;
  result: IFindUnpublishedResult;
}

const findUnpublishedIR: any = {"usedParamSet":{"limit":true},"params":[{"name":"limit","required":true,"transform":{"type":"scalar"},"locs":[{"a":701,"b":707}]}],"statement":"-- Returns the first unpublished versions of each order, without a gap between them, because the positions of an order's\n-- events ascend with their versions. A quarantined version and the later versions of its order are left out.\nselect e.position, e.order_id, e.version, e.status, e.moment, e.traceparent, e.skipped\n  from order_events e\n where e.log_offset is null\n   and not exists (select\n                     from order_events q\n                    where q.order_id = e.order_id\n                      and q.version <= e.version\n                      and q.quarantine is not null\n                      and q.log_offset is null\n                      and not q.skipped)\n order by e.position\n limit :limit!::integer"};

/**
 * Query generated from SQL:
 * ```
 * -- Returns the first unpublished versions of each order, without a gap between them, because the positions of an order's
 * -- events ascend with their versions. A quarantined version and the later versions of its order are left out.
 * select e.position, e.order_id, e.version, e.status, e.moment, e.traceparent, e.skipped
 *   from order_events e
 *  where e.log_offset is null
 *    and not exists (select
 *                      from order_events q
 *                     where q.order_id = e.order_id
 *                       and q.version <= e.version
 *                       and q.quarantine is not null
 *                       and q.log_offset is null
 *                       and not q.skipped)
 *  order by e.position
 *  limit :limit!::integer
 * ```
 */
export const findUnpublished = new PreparedQuery<IFindUnpublishedParams,IFindUnpublishedResult>(findUnpublishedIR);


/** 'MarkPublished' parameters type */
export interface IMarkPublishedParams {
  logOffsets: bigintArray;
  logPartitions: numberArray;
  positions: bigintArray;
}

/** 'MarkPublished' return type */
export type IMarkPublishedResult = void;

/** 'MarkPublished' query type */
export interface IMarkPublishedQuery {
  params: IMarkPublishedParams;
  result: IMarkPublishedResult;
}

const markPublishedIR: any = {"usedParamSet":{"positions":true,"logPartitions":true,"logOffsets":true},"params":[{"name":"positions","required":true,"transform":{"type":"scalar"},"locs":[{"a":310,"b":320}]},{"name":"logPartitions","required":true,"transform":{"type":"scalar"},"locs":[{"a":333,"b":347}]},{"name":"logOffsets","required":true,"transform":{"type":"scalar"},"locs":[{"a":361,"b":372}]}],"statement":"-- Two relays may mark the same rows at once, when both have appended the same events to the log. The rows are locked in\n-- order, so the relays wait and do not deadlock. Each row keeps the place that was written first.\nwith acknowledged as (\n  select e.position, a.log_partition, a.log_offset\n    from unnest(:positions!::bigint[], :logPartitions!::integer[], :logOffsets!::bigint[])\n      as a (position, log_partition, log_offset)\n    join order_events e on e.position = a.position\n   where e.log_offset is null\n   order by e.position\n     for no key update of e\n)\nupdate order_events e\n   set log_partition = a.log_partition, log_offset = a.log_offset, quarantine = null\n  from acknowledged a\n where e.position = a.position"};

/**
 * Query generated from SQL:
 * ```
 * -- Two relays may mark the same rows at once, when both have appended the same events to the log. The rows are locked in
 * -- order, so the relays wait and do not deadlock. Each row keeps the place that was written first.
 * with acknowledged as (
 *   select e.position, a.log_partition, a.log_offset
 *     from unnest(:positions!::bigint[], :logPartitions!::integer[], :logOffsets!::bigint[])
 *       as a (position, log_partition, log_offset)
 *     join order_events e on e.position = a.position
 *    where e.log_offset is null
 *    order by e.position
 *      for no key update of e
 * )
 * update order_events e
 *    set log_partition = a.log_partition, log_offset = a.log_offset, quarantine = null
 *   from acknowledged a
 *  where e.position = a.position
 * ```
 */
export const markPublished = new PreparedQuery<IMarkPublishedParams,IMarkPublishedResult>(markPublishedIR);


/** 'QuarantineEvent' parameters type */
export interface IQuarantineEventParams {
  position: bigint;
  reason: string;
}

/** 'QuarantineEvent' return type */
export type IQuarantineEventResult = void;

/** 'QuarantineEvent' query type */
export interface IQuarantineEventQuery {
  params: IQuarantineEventParams;
  result: IQuarantineEventResult;
}

const quarantineEventIR: any = {"usedParamSet":{"reason":true,"position":true},"params":[{"name":"reason","required":true,"transform":{"type":"scalar"},"locs":[{"a":40,"b":47}]},{"name":"position","required":true,"transform":{"type":"scalar"},"locs":[{"a":67,"b":76}]}],"statement":"update order_events\n   set quarantine = :reason!\n where position = :position! and log_offset is null"};

/**
 * Query generated from SQL:
 * ```
 * update order_events
 *    set quarantine = :reason!
 *  where position = :position! and log_offset is null
 * ```
 */
export const quarantineEvent = new PreparedQuery<IQuarantineEventParams,IQuarantineEventResult>(quarantineEventIR);


/** 'CountUnpublished' parameters type */
export type ICountUnpublishedParams = void;

/** 'CountUnpublished' return type */
export interface ICountUnpublishedResult {
  count: bigint;
}

/** 'CountUnpublished' query type */
export interface ICountUnpublishedQuery {
  params: ICountUnpublishedParams;
  result: ICountUnpublishedResult;
}

const countUnpublishedIR: any = {"usedParamSet":{},"params":[],"statement":"select count(*) as \"count!\"\n  from order_events\n where log_offset is null"};

/**
 * Query generated from SQL:
 * ```
 * select count(*) as "count!"
 *   from order_events
 *  where log_offset is null
 * ```
 */
export const countUnpublished = new PreparedQuery<ICountUnpublishedParams,ICountUnpublishedResult>(countUnpublishedIR);


