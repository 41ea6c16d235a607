/** Types generated for queries found in "sql/notifier/queries/inbox.sql" */
import { PreparedQuery } from '@pgtyped/runtime';

export type notification_state = 'applied' | 'dead' | 'parked';

export type DateOrString = Date | string;

export type DateOrStringArray = (DateOrString)[];

export type bigintArray = (bigint)[];

export type notification_stateArray = (notification_state)[];

export type numberArray = (number)[];

export type stringArray = (string)[];

/** 'LockOrders' parameters type */
export interface ILockOrdersParams {
  orderIds: bigintArray;
}

/** 'LockOrders' return type */
export interface ILockOrdersResult {
  pg_advisory_xact_lock: undefined | null;
}

/** 'LockOrders' query type */
export interface ILockOrdersQuery {
  params: ILockOrdersParams;
  result: ILockOrdersResult;
}

const lockOrdersIR: any = {"usedParamSet":{"orderIds":true},"params":[{"name":"orderIds","required":true,"transform":{"type":"scalar"},"locs":[{"a":420,"b":429}]}],"statement":"-- Locking is a statement of its own, before findKnown, because a statement does not see what was committed after it\n-- began. If one statement did both, it would wait for the transaction that holds the lock and then miss the rows which\n-- that transaction committed. A version could then stay parked for ever. The ids are sorted, so that two batches cannot\n-- deadlock.\nselect pg_advisory_xact_lock(o.id)\n  from unnest(:orderIds!::bigint[]) as o (id)\n order by o.id"};

/**
 * Query generated from SQL:
 * ```
 * -- Locking is a statement of its own, before findKnown, because a statement does not see what was committed after it
 * -- began. If one statement did both, it would wait for the transaction that holds the lock and then miss the rows which
 * -- that transaction committed. A version could then stay parked for ever. The ids are sorted, so that two batches cannot
 * -- deadlock.
 * select pg_advisory_xact_lock(o.id)
 *   from unnest(:orderIds!::bigint[]) as o (id)
 *  order by o.id
 * ```
 */
export const lockOrders = new PreparedQuery<ILockOrdersParams,ILockOrdersResult>(lockOrdersIR);


/** 'FindKnown' parameters type */
export interface IFindKnownParams {
  orderIds: bigintArray;
}

/** 'FindKnown' return type */
export interface IFindKnownResult {
  log_offset: bigint;
  log_partition: number;
  moment: Date | null;
  order_id: bigint;
  reason: string | null;
  state: notification_state;
  status: string | null;
  traceparent: string | null;
  version: number;
}

/** 'FindKnown' query type */
export interface IFindKnownQuery {
  params: IFindKnownParams;
  result: IFindKnownResult;
}

const findKnownIR: any = {"usedParamSet":{"orderIds":true},"params":[{"name":"orderIds","required":true,"transform":{"type":"scalar"},"locs":[{"a":208,"b":217}]}],"statement":"-- All versions of the orders, in every state.\nselect n.order_id, n.version, n.state, n.status, n.moment, n.traceparent, n.log_partition, n.log_offset, n.reason\n  from notifications n\n where n.order_id = any(:orderIds!)"};

/**
 * Query generated from SQL:
 * ```
 * -- All versions of the orders, in every state.
 * select n.order_id, n.version, n.state, n.status, n.moment, n.traceparent, n.log_partition, n.log_offset, n.reason
 *   from notifications n
 *  where n.order_id = any(:orderIds!)
 * ```
 */
export const findKnown = new PreparedQuery<IFindKnownParams,IFindKnownResult>(findKnownIR);


/** 'InsertNotifications' parameters type */
export interface IInsertNotificationsParams {
  logOffsets: bigintArray;
  logPartitions: numberArray;
  moments: DateOrStringArray;
  orderIds: bigintArray;
  reasons: stringArray;
  states: notification_stateArray;
  statuses: stringArray;
  traceparents: stringArray;
  versions: numberArray;
}

/** 'InsertNotifications' return type */
export type IInsertNotificationsResult = void;

/** 'InsertNotifications' query type */
export interface IInsertNotificationsQuery {
  params: IInsertNotificationsParams;
  result: IInsertNotificationsResult;
}

const insertNotificationsIR: any = {"usedParamSet":{"orderIds":true,"versions":true,"statuses":true,"moments":true,"states":true,"traceparents":true,"logPartitions":true,"logOffsets":true,"reasons":true},"params":[{"name":"orderIds","required":true,"transform":{"type":"scalar"},"locs":[{"a":513,"b":522}]},{"name":"versions","required":true,"transform":{"type":"scalar"},"locs":[{"a":535,"b":544}]},{"name":"statuses","required":true,"transform":{"type":"scalar"},"locs":[{"a":558,"b":567}]},{"name":"moments","required":true,"transform":{"type":"scalar"},"locs":[{"a":578,"b":586}]},{"name":"states","required":true,"transform":{"type":"scalar"},"locs":[{"a":618,"b":625}]},{"name":"traceparents","required":true,"transform":{"type":"scalar"},"locs":[{"a":650,"b":663}]},{"name":"logPartitions","required":true,"transform":{"type":"scalar"},"locs":[{"a":674,"b":688}]},{"name":"logOffsets","required":true,"transform":{"type":"scalar"},"locs":[{"a":716,"b":727}]},{"name":"reasons","required":true,"transform":{"type":"scalar"},"locs":[{"a":740,"b":748}]}],"statement":"-- An empty status, traceparent or reason is stored as null.\ninsert into notifications (order_id, version, status, moment, state, received_at, told_at, traceparent, log_partition,\n                           log_offset, reason)\nselect n.order_id, n.version, nullif(n.status, ''), case when n.status = '' then null else n.moment end, n.state,\n       tally_now(), case when n.state = 'applied' then tally_now() end, nullif(n.traceparent, ''), n.log_partition,\n       n.log_offset, nullif(n.reason, '')\n  from unnest(:orderIds!::bigint[], :versions!::integer[], :statuses!::text[], :moments!::timestamptz[],\n              :states!::notification_state[], :traceparents!::text[], :logPartitions!::integer[],\n              :logOffsets!::bigint[], :reasons!::text[])\n    as n (order_id, version, status, moment, state, traceparent, log_partition, log_offset, reason)"};

/**
 * Query generated from SQL:
 * ```
 * -- An empty status, traceparent or reason is stored as null.
 * insert into notifications (order_id, version, status, moment, state, received_at, told_at, traceparent, log_partition,
 *                            log_offset, reason)
 * select n.order_id, n.version, nullif(n.status, ''), case when n.status = '' then null else n.moment end, n.state,
 *        tally_now(), case when n.state = 'applied' then tally_now() end, nullif(n.traceparent, ''), n.log_partition,
 *        n.log_offset, nullif(n.reason, '')
 *   from unnest(:orderIds!::bigint[], :versions!::integer[], :statuses!::text[], :moments!::timestamptz[],
 *               :states!::notification_state[], :traceparents!::text[], :logPartitions!::integer[],
 *               :logOffsets!::bigint[], :reasons!::text[])
 *     as n (order_id, version, status, moment, state, traceparent, log_partition, log_offset, reason)
 * ```
 */
export const insertNotifications = new PreparedQuery<IInsertNotificationsParams,IInsertNotificationsResult>(insertNotificationsIR);


/** 'ReleaseParked' parameters type */
export interface IReleaseParkedParams {
  orderIds: bigintArray;
  versions: numberArray;
}

/** 'ReleaseParked' return type */
export type IReleaseParkedResult = void;

/** 'ReleaseParked' query type */
export interface IReleaseParkedQuery {
  params: IReleaseParkedParams;
  result: IReleaseParkedResult;
}

const releaseParkedIR: any = {"usedParamSet":{"orderIds":true,"versions":true},"params":[{"name":"orderIds","required":true,"transform":{"type":"scalar"},"locs":[{"a":119,"b":128}]},{"name":"versions","required":true,"transform":{"type":"scalar"},"locs":[{"a":141,"b":150}]}],"statement":"-- Marks parked versions as told.\nupdate notifications n\n   set state = 'applied', told_at = tally_now()\n  from unnest(:orderIds!::bigint[], :versions!::integer[]) as r (order_id, version)\n where n.order_id = r.order_id and n.version = r.version and n.state = 'parked'"};

/**
 * Query generated from SQL:
 * ```
 * -- Marks parked versions as told.
 * update notifications n
 *    set state = 'applied', told_at = tally_now()
 *   from unnest(:orderIds!::bigint[], :versions!::integer[]) as r (order_id, version)
 *  where n.order_id = r.order_id and n.version = r.version and n.state = 'parked'
 * ```
 */
export const releaseParked = new PreparedQuery<IReleaseParkedParams,IReleaseParkedResult>(releaseParkedIR);


/** 'InsertUnreadable' parameters type */
export interface IInsertUnreadableParams {
  logOffsets: bigintArray;
  logPartitions: numberArray;
  reasons: stringArray;
}

/** 'InsertUnreadable' return type */
export type IInsertUnreadableResult = void;

/** 'InsertUnreadable' query type */
export interface IInsertUnreadableQuery {
  params: IInsertUnreadableParams;
  result: IInsertUnreadableResult;
}

const insertUnreadableIR: any = {"usedParamSet":{"logPartitions":true,"logOffsets":true,"reasons":true},"params":[{"name":"logPartitions","required":true,"transform":{"type":"scalar"},"locs":[{"a":153,"b":167}]},{"name":"logOffsets","required":true,"transform":{"type":"scalar"},"locs":[{"a":181,"b":192}]},{"name":"reasons","required":true,"transform":{"type":"scalar"},"locs":[{"a":205,"b":213}]}],"statement":"insert into unreadable_events (log_partition, log_offset, received_at, reason)\nselect u.log_partition, u.log_offset, tally_now(), u.reason\n  from unnest(:logPartitions!::integer[], :logOffsets!::bigint[], :reasons!::text[])\n    as u (log_partition, log_offset, reason)\non conflict do nothing"};

/**
 * Query generated from SQL:
 * ```
 * insert into unreadable_events (log_partition, log_offset, received_at, reason)
 * select u.log_partition, u.log_offset, tally_now(), u.reason
 *   from unnest(:logPartitions!::integer[], :logOffsets!::bigint[], :reasons!::text[])
 *     as u (log_partition, log_offset, reason)
 * on conflict do nothing
 * ```
 */
export const insertUnreadable = new PreparedQuery<IInsertUnreadableParams,IInsertUnreadableResult>(insertUnreadableIR);


/** 'ReviveDead' parameters type */
export interface IReviveDeadParams {
  moment: DateOrString;
  orderId: bigint;
  state: notification_state;
  status: string;
  version: number;
}

/** 'ReviveDead' return type */
export type IReviveDeadResult = void;

/** 'ReviveDead' query type */
export interface IReviveDeadQuery {
  params: IReviveDeadParams;
  result: IReviveDeadResult;
}

const reviveDeadIR: any = {"usedParamSet":{"state":true,"status":true,"moment":true,"orderId":true,"version":true},"params":[{"name":"state","required":true,"transform":{"type":"scalar"},"locs":[{"a":99,"b":105},{"a":236,"b":242}]},{"name":"status","required":true,"transform":{"type":"scalar"},"locs":[{"a":141,"b":148}]},{"name":"moment","required":true,"transform":{"type":"scalar"},"locs":[{"a":183,"b":190}]},{"name":"orderId","required":true,"transform":{"type":"scalar"},"locs":[{"a":315,"b":323}]},{"name":"version","required":true,"transform":{"type":"scalar"},"locs":[{"a":339,"b":347}]}],"statement":"-- Sets the status and the moment only where the row has none.\nupdate notifications\n   set state = :state!, status = coalesce(status, nullif(:status!, '')), moment = coalesce(moment, :moment!),\n       reason = null, told_at = case when :state! = 'applied'::notification_state then tally_now() end\n where order_id = :orderId! and version = :version! and state = 'dead'"};

/**
 * Query generated from SQL:
 * ```
 * -- Sets the status and the moment only where the row has none.
 * update notifications
 *    set state = :state!, status = coalesce(status, nullif(:status!, '')), moment = coalesce(moment, :moment!),
 *        reason = null, told_at = case when :state! = 'applied'::notification_state then tally_now() end
 *  where order_id = :orderId! and version = :version! and state = 'dead'
 * ```
 */
export const reviveDead = new PreparedQuery<IReviveDeadParams,IReviveDeadResult>(reviveDeadIR);


