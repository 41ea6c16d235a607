/** Types generated for queries found in "sql/log/queries/group.sql" */
import { PreparedQuery } from '@pgtyped/runtime';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export type bigintArray = (bigint)[];

export type numberArray = (number)[];

/** 'RecordHeartbeat' parameters type */
export interface IRecordHeartbeatParams {
  group: string;
  member: string;
  topic: string;
}

/** 'RecordHeartbeat' return type */
export type IRecordHeartbeatResult = void;

/** 'RecordHeartbeat' query type */
export interface IRecordHeartbeatQuery {
  params: IRecordHeartbeatParams;
  result: IRecordHeartbeatResult;
}

const recordHeartbeatIR: any = {"usedParamSet":{"group":true,"topic":true,"member":true},"params":[{"name":"group","required":true,"transform":{"type":"scalar"},"locs":[{"a":76,"b":82}]},{"name":"topic","required":true,"transform":{"type":"scalar"},"locs":[{"a":85,"b":91}]},{"name":"member","required":true,"transform":{"type":"scalar"},"locs":[{"a":94,"b":101}]}],"statement":"insert into group_members (group_name, topic, member, heartbeat_at)\nvalues (:group!, :topic!, :member!, clock_timestamp())\non conflict (group_name, topic, member) do update set heartbeat_at = excluded.heartbeat_at"};

/**
 * Query generated from SQL:
 * ```
 * insert into group_members (group_name, topic, member, heartbeat_at)
 * values (:group!, :topic!, :member!, clock_timestamp())
 * on conflict (group_name, topic, member) do update set heartbeat_at = excluded.heartbeat_at
 * ```
 */
export const recordHeartbeat = new PreparedQuery<IRecordHeartbeatParams,IRecordHeartbeatResult>(recordHeartbeatIR);


/** 'DeleteDeadMembers' parameters type */
export interface IDeleteDeadMembersParams {
  group: string;
  leaseMs: number;
  topic: string;
}

/** 'DeleteDeadMembers' return type */
export type IDeleteDeadMembersResult = void;

/** 'DeleteDeadMembers' query type */
export interface IDeleteDeadMembersQuery {
  params: IDeleteDeadMembersParams;
  result: IDeleteDeadMembersResult;
}

const deleteDeadMembersIR: any = {"usedParamSet":{"group":true,"topic":true,"leaseMs":true},"params":[{"name":"group","required":true,"transform":{"type":"scalar"},"locs":[{"a":46,"b":52}]},{"name":"topic","required":true,"transform":{"type":"scalar"},"locs":[{"a":66,"b":72}]},{"name":"leaseMs","required":true,"transform":{"type":"scalar"},"locs":[{"a":116,"b":124}]}],"statement":"delete from group_members\n where group_name = :group! and topic = :topic!\n   and heartbeat_at < clock_timestamp() - :leaseMs!::integer * interval '1 ms'"};

/**
 * Query generated from SQL:
 * ```
 * delete from group_members
 *  where group_name = :group! and topic = :topic!
 *    and heartbeat_at < clock_timestamp() - :leaseMs!::integer * interval '1 ms'
 * ```
 */
export const deleteDeadMembers = new PreparedQuery<IDeleteDeadMembersParams,IDeleteDeadMembersResult>(deleteDeadMembersIR);


/** 'JoinPartitions' parameters type */
export interface IJoinPartitionsParams {
  group: string;
  topic: string;
}

/** 'JoinPartitions' return type */
export type IJoinPartitionsResult = void;

/** 'JoinPartitions' query type */
export interface IJoinPartitionsQuery {
  params: IJoinPartitionsParams;
  result: IJoinPartitionsResult;
}

const joinPartitionsIR: any = {"usedParamSet":{"group":true,"topic":true},"params":[{"name":"group","required":true,"transform":{"type":"scalar"},"locs":[{"a":67,"b":73}]},{"name":"topic","required":true,"transform":{"type":"scalar"},"locs":[{"a":134,"b":140}]}],"statement":"insert into group_partitions (group_name, topic, partition)\nselect :group!, p.topic, p.partition\n  from partitions p\n where p.topic = :topic!\non conflict do nothing"};

/**
 * Query generated from SQL:
 * ```
 * insert into group_partitions (group_name, topic, partition)
 * select :group!, p.topic, p.partition
 *   from partitions p
 *  where p.topic = :topic!
 * on conflict do nothing
 * ```
 */
export const joinPartitions = new PreparedQuery<IJoinPartitionsParams,IJoinPartitionsResult>(joinPartitionsIR);


/** 'CountFairShare' parameters type */
export interface ICountFairShareParams {
  group: string;
  topic: string;
}

/** 'CountFairShare' return type */
export interface ICountFairShareResult {
  share: number;
}

/** 'CountFairShare' query type */
export interface ICountFairShareQuery {
  params: ICountFairShareParams;
  result: ICountFairShareResult;
}

const countFairShareIR: any = {"usedParamSet":{"group":true,"topic":true},"params":[{"name":"group","required":true,"transform":{"type":"scalar"},"locs":[{"a":288,"b":294}]},{"name":"topic","required":true,"transform":{"type":"scalar"},"locs":[{"a":310,"b":316},{"a":379,"b":385}]}],"statement":"-- Returns how many partitions each member should hold: an equal share of them, rounded up.\nselect ceil(count(*)::numeric / greatest(1, (select count(*)\n                                               from group_members m\n                                              where m.group_name = :group! and m.topic = :topic!)))::integer as \"share!\"\n  from partitions p\n where p.topic = :topic!"};

/**
 * Query generated from SQL:
 * ```
 * -- Returns how many partitions each member should hold: an equal share of them, rounded up.
 * select ceil(count(*)::numeric / greatest(1, (select count(*)
 *                                                from group_members m
 *                                               where m.group_name = :group! and m.topic = :topic!)))::integer as "share!"
 *   from partitions p
 *  where p.topic = :topic!
 * ```
 */
export const countFairShare = new PreparedQuery<ICountFairShareParams,ICountFairShareResult>(countFairShareIR);


/** 'RenewPartitions' parameters type */
export interface IRenewPartitionsParams {
  group: string;
  leaseMs: number;
  member: string;
  topic: string;
}

/** 'RenewPartitions' return type */
export interface IRenewPartitionsResult {
  next_offset: bigint;
  partition: number;
  token: bigint;
}

/** 'RenewPartitions' query type */
export interface IRenewPartitionsQuery {
  params: IRenewPartitionsParams;
  result: IRenewPartitionsResult;
}

const renewPartitionsIR: any = {"usedParamSet":{"leaseMs":true,"group":true,"topic":true,"member":true},"params":[{"name":"leaseMs","required":true,"transform":{"type":"scalar"},"locs":[{"a":64,"b":72}]},{"name":"group","required":true,"transform":{"type":"scalar"},"locs":[{"a":121,"b":127}]},{"name":"topic","required":true,"transform":{"type":"scalar"},"locs":[{"a":141,"b":147}]},{"name":"member","required":true,"transform":{"type":"scalar"},"locs":[{"a":162,"b":169}]}],"statement":"update group_partitions\n   set expires_at = clock_timestamp() + :leaseMs!::integer * interval '1 ms'\n where group_name = :group! and topic = :topic! and holder = :member!\n   and expires_at > clock_timestamp()\nreturning partition, token, next_offset"};

/**
 * Query generated from SQL:
 * ```
 * update group_partitions
 *    set expires_at = clock_timestamp() + :leaseMs!::integer * interval '1 ms'
 *  where group_name = :group! and topic = :topic! and holder = :member!
 *    and expires_at > clock_timestamp()
 * returning partition, token, next_offset
 * ```
 */
export const renewPartitions = new PreparedQuery<IRenewPartitionsParams,IRenewPartitionsResult>(renewPartitionsIR);


/** 'TakePartitions' parameters type */
export interface ITakePartitionsParams {
  group: string;
  leaseMs: number;
  member: string;
  missing: number;
  topic: string;
}

/** 'TakePartitions' return type */
export interface ITakePartitionsResult {
  next_offset: bigint;
  partition: number;
  token: bigint;
}

/** 'TakePartitions' query type */
export interface ITakePartitionsQuery {
  params: ITakePartitionsParams;
  result: ITakePartitionsResult;
}

const takePartitionsIR: any = {"usedParamSet":{"member":true,"leaseMs":true,"group":true,"topic":true,"missing":true},"params":[{"name":"member","required":true,"transform":{"type":"scalar"},"locs":[{"a":156,"b":163}]},{"name":"leaseMs","required":true,"transform":{"type":"scalar"},"locs":[{"a":227,"b":235}]},{"name":"group","required":true,"transform":{"type":"scalar"},"locs":[{"a":355,"b":361},{"a":582,"b":588}]},{"name":"topic","required":true,"transform":{"type":"scalar"},"locs":[{"a":377,"b":383},{"a":604,"b":610}]},{"name":"missing","required":true,"transform":{"type":"scalar"},"locs":[{"a":501,"b":509}]}],"statement":"-- Takes free partitions, as many as the member lacks. It skips one that another member is taking at this moment.\nupdate group_partitions g\n   set holder = :member!, token = g.token + 1,\n       expires_at = clock_timestamp() + :leaseMs!::integer * interval '1 ms'\n  from (select f.partition\n          from group_partitions f\n         where f.group_name = :group! and f.topic = :topic!\n           and (f.holder is null or f.expires_at <= clock_timestamp())\n         order by f.partition\n         limit :missing!::integer\n           for update skip locked) free\n where g.group_name = :group! and g.topic = :topic! and g.partition = free.partition\nreturning g.partition, g.token, g.next_offset"};

/**
 * Query generated from SQL:
 * ```
 * -- Takes free partitions, as many as the member lacks. It skips one that another member is taking at this moment.
 * update group_partitions g
 *    set holder = :member!, token = g.token + 1,
 *        expires_at = clock_timestamp() + :leaseMs!::integer * interval '1 ms'
 *   from (select f.partition
 *           from group_partitions f
 *          where f.group_name = :group! and f.topic = :topic!
 *            and (f.holder is null or f.expires_at <= clock_timestamp())
 *          order by f.partition
 *          limit :missing!::integer
 *            for update skip locked) free
 *  where g.group_name = :group! and g.topic = :topic! and g.partition = free.partition
 * returning g.partition, g.token, g.next_offset
 * ```
 */
export const takePartitions = new PreparedQuery<ITakePartitionsParams,ITakePartitionsResult>(takePartitionsIR);


/** 'ReleasePartitions' parameters type */
export interface IReleasePartitionsParams {
  group: string;
  member: string;
  partitions: numberArray;
  topic: string;
}

/** 'ReleasePartitions' return type */
export type IReleasePartitionsResult = void;

/** 'ReleasePartitions' query type */
export interface IReleasePartitionsQuery {
  params: IReleasePartitionsParams;
  result: IReleasePartitionsResult;
}

const releasePartitionsIR: any = {"usedParamSet":{"group":true,"topic":true,"member":true,"partitions":true},"params":[{"name":"group","required":true,"transform":{"type":"scalar"},"locs":[{"a":84,"b":90}]},{"name":"topic","required":true,"transform":{"type":"scalar"},"locs":[{"a":104,"b":110}]},{"name":"member","required":true,"transform":{"type":"scalar"},"locs":[{"a":125,"b":132}]},{"name":"partitions","required":true,"transform":{"type":"scalar"},"locs":[{"a":157,"b":168}]}],"statement":"update group_partitions\n   set holder = null, expires_at = null\n where group_name = :group! and topic = :topic! and holder = :member!\n   and partition = any(:partitions!)"};

/**
 * Query generated from SQL:
 * ```
 * update group_partitions
 *    set holder = null, expires_at = null
 *  where group_name = :group! and topic = :topic! and holder = :member!
 *    and partition = any(:partitions!)
 * ```
 */
export const releasePartitions = new PreparedQuery<IReleasePartitionsParams,IReleasePartitionsResult>(releasePartitionsIR);


/** 'DeleteMember' parameters type */
export interface IDeleteMemberParams {
  group: string;
  member: string;
  topic: string;
}

/** 'DeleteMember' return type */
export type IDeleteMemberResult = void;

/** 'DeleteMember' query type */
export interface IDeleteMemberQuery {
  params: IDeleteMemberParams;
  result: IDeleteMemberResult;
}

const deleteMemberIR: any = {"usedParamSet":{"group":true,"topic":true,"member":true},"params":[{"name":"group","required":true,"transform":{"type":"scalar"},"locs":[{"a":46,"b":52}]},{"name":"topic","required":true,"transform":{"type":"scalar"},"locs":[{"a":66,"b":72}]},{"name":"member","required":true,"transform":{"type":"scalar"},"locs":[{"a":87,"b":94}]}],"statement":"delete from group_members\n where group_name = :group! and topic = :topic! and member = :member!"};

/**
 * Query generated from SQL:
 * ```
 * delete from group_members
 *  where group_name = :group! and topic = :topic! and member = :member!
 * ```
 */
export const deleteMember = new PreparedQuery<IDeleteMemberParams,IDeleteMemberResult>(deleteMemberIR);


/** 'FetchRecords' parameters type */
export interface IFetchRecordsParams {
  limit: number;
  offsets: bigintArray;
  partitions: numberArray;
  topic: string;
}

/** 'FetchRecords' return type */
export interface IFetchRecordsResult {
  headers: Json;
  key: string;
  offset: bigint;
  partition: number;
  value: Buffer;
}

/** 'FetchRecords' query type */
export interface IFetchRecordsQuery {
  params: IFetchRecordsParams;
  result: IFetchRecordsResult;
}

const fetchRecordsIR: any = {"usedParamSet":{"partitions":true,"offsets":true,"topic":true,"limit":true},"params":[{"name":"partitions","required":true,"transform":{"type":"scalar"},"locs":[{"a":157,"b":168}]},{"name":"offsets","required":true,"transform":{"type":"scalar"},"locs":[{"a":182,"b":190}]},{"name":"topic","required":true,"transform":{"type":"scalar"},"locs":[{"a":393,"b":399}]},{"name":"limit","required":true,"transform":{"type":"scalar"},"locs":[{"a":567,"b":573}]}],"statement":"-- Returns the next records of several partitions, up to the limit for each of them.\nselect r.partition, r.\"offset\", r.key, r.value, r.headers\n  from unnest(:partitions!::integer[], :offsets!::bigint[]) as wanted (partition, next_offset)\n cross join lateral (select r.partition, r.\"offset\", r.key, r.value, r.headers\n                       from records r\n                      where r.topic = :topic! and r.partition = wanted.partition\n                        and r.\"offset\" >= wanted.next_offset\n                      order by r.\"offset\"\n                      limit :limit!::integer) r\n order by r.partition, r.\"offset\""};

/**
 * Query generated from SQL:
 * ```
 * -- Returns the next records of several partitions, up to the limit for each of them.
 * select r.partition, r."offset", r.key, r.value, r.headers
 *   from unnest(:partitions!::integer[], :offsets!::bigint[]) as wanted (partition, next_offset)
 *  cross join lateral (select r.partition, r."offset", r.key, r.value, r.headers
 *                        from records r
 *                       where r.topic = :topic! and r.partition = wanted.partition
 *                         and r."offset" >= wanted.next_offset
 *                       order by r."offset"
 *                       limit :limit!::integer) r
 *  order by r.partition, r."offset"
 * ```
 */
export const fetchRecords = new PreparedQuery<IFetchRecordsParams,IFetchRecordsResult>(fetchRecordsIR);


/** 'CommitOffset' parameters type */
export interface ICommitOffsetParams {
  group: string;
  member: string;
  nextOffset: bigint;
  partition: number;
  token: bigint;
  topic: string;
}

/** 'CommitOffset' return type */
export type ICommitOffsetResult = void;

/** 'CommitOffset' query type */
export interface ICommitOffsetQuery {
  params: ICommitOffsetParams;
  result: ICommitOffsetResult;
}

const commitOffsetIR: any = {"usedParamSet":{"nextOffset":true,"group":true,"topic":true,"partition":true,"member":true,"token":true},"params":[{"name":"nextOffset","required":true,"transform":{"type":"scalar"},"locs":[{"a":126,"b":137}]},{"name":"group","required":true,"transform":{"type":"scalar"},"locs":[{"a":160,"b":166}]},{"name":"topic","required":true,"transform":{"type":"scalar"},"locs":[{"a":180,"b":186}]},{"name":"partition","required":true,"transform":{"type":"scalar"},"locs":[{"a":204,"b":214}]},{"name":"member","required":true,"transform":{"type":"scalar"},"locs":[{"a":232,"b":239}]},{"name":"token","required":true,"transform":{"type":"scalar"},"locs":[{"a":253,"b":259}]}],"statement":"-- Updates no row when another member holds the partition.\nupdate group_partitions\n   set next_offset = greatest(next_offset, :nextOffset!)\n where group_name = :group! and topic = :topic! and partition = :partition!\n   and holder = :member! and token = :token!"};

/**
 * Query generated from SQL:
 * ```
 * -- Updates no row when another member holds the partition.
 * update group_partitions
 *    set next_offset = greatest(next_offset, :nextOffset!)
 *  where group_name = :group! and topic = :topic! and partition = :partition!
 *    and holder = :member! and token = :token!
 * ```
 */
export const commitOffset = new PreparedQuery<ICommitOffsetParams,ICommitOffsetResult>(commitOffsetIR);


