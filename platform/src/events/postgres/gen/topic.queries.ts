/** Types generated for queries found in "sql/log/queries/topic.sql" */
import { PreparedQuery } from '@pgtyped/runtime';

/** 'LockTopic' parameters type */
export interface ILockTopicParams {
  topic: string;
}

/** 'LockTopic' return type */
export interface ILockTopicResult {
  pg_advisory_xact_lock: undefined | null;
}

/** 'LockTopic' query type */
export interface ILockTopicQuery {
  params: ILockTopicParams;
  result: ILockTopicResult;
}

const lockTopicIR: any = {"usedParamSet":{"topic":true},"params":[{"name":"topic","required":true,"transform":{"type":"scalar"},"locs":[{"a":119,"b":125}]}],"statement":"-- Keeps others from creating or extending the topic until the transaction ends.\nselect pg_advisory_xact_lock(hashtext(:topic!))"};

/**
 * Query generated from SQL:
 * ```
 * -- Keeps others from creating or extending the topic until the transaction ends.
 * select pg_advisory_xact_lock(hashtext(:topic!))
 * ```
 */
export const lockTopic = new PreparedQuery<ILockTopicParams,ILockTopicResult>(lockTopicIR);


/** 'FindUnread' parameters type */
export interface IFindUnreadParams {
  topic: string;
}

/** 'FindUnread' return type */
export interface IFindUnreadResult {
  partitions: number;
}

/** 'FindUnread' query type */
export interface IFindUnreadQuery {
  params: IFindUnreadParams;
  result: IFindUnreadResult;
}

const findUnreadIR: any = {"usedParamSet":{"topic":true},"params":[{"name":"topic","required":true,"transform":{"type":"scalar"},"locs":[{"a":174,"b":180}]}],"statement":"-- Counts the partitions with events that some group has not read yet, or that no group reads.\nselect count(*)::integer as \"partitions!\"\n  from partitions p\n where p.topic = :topic!\n   and p.next_offset > coalesce((select min(g.next_offset)\n                                   from group_partitions g\n                                  where g.topic = p.topic and g.partition = p.partition), 0)"};

/**
 * Query generated from SQL:
 * ```
 * -- Counts the partitions with events that some group has not read yet, or that no group reads.
 * select count(*)::integer as "partitions!"
 *   from partitions p
 *  where p.topic = :topic!
 *    and p.next_offset > coalesce((select min(g.next_offset)
 *                                    from group_partitions g
 *                                   where g.topic = p.topic and g.partition = p.partition), 0)
 * ```
 */
export const findUnread = new PreparedQuery<IFindUnreadParams,IFindUnreadResult>(findUnreadIR);


/** 'AddPartitions' parameters type */
export interface IAddPartitionsParams {
  partitions: number;
  topic: string;
}

/** 'AddPartitions' return type */
export type IAddPartitionsResult = void;

/** 'AddPartitions' query type */
export interface IAddPartitionsQuery {
  params: IAddPartitionsParams;
  result: IAddPartitionsResult;
}

const addPartitionsIR: any = {"usedParamSet":{"topic":true,"partitions":true},"params":[{"name":"topic","required":true,"transform":{"type":"scalar"},"locs":[{"a":49,"b":55}]},{"name":"partitions","required":true,"transform":{"type":"scalar"},"locs":[{"a":86,"b":97}]}],"statement":"insert into partitions (topic, partition)\nselect :topic!, n\n  from generate_series(0, :partitions!::integer - 1) as n\non conflict do nothing"};

/**
 * Query generated from SQL:
 * ```
 * insert into partitions (topic, partition)
 * select :topic!, n
 *   from generate_series(0, :partitions!::integer - 1) as n
 * on conflict do nothing
 * ```
 */
export const addPartitions = new PreparedQuery<IAddPartitionsParams,IAddPartitionsResult>(addPartitionsIR);


/** 'PruneRecords' parameters type */
export interface IPruneRecordsParams {
  retentionSeconds: number;
  topic: string;
}

/** 'PruneRecords' return type */
export type IPruneRecordsResult = void;

/** 'PruneRecords' query type */
export interface IPruneRecordsQuery {
  params: IPruneRecordsParams;
  result: IPruneRecordsResult;
}

const pruneRecordsIR: any = {"usedParamSet":{"topic":true,"retentionSeconds":true},"params":[{"name":"topic","required":true,"transform":{"type":"scalar"},"locs":[{"a":153,"b":159}]},{"name":"retentionSeconds","required":true,"transform":{"type":"scalar"},"locs":[{"a":199,"b":216}]}],"statement":"-- Keeps every record at or above the offset of some group. A topic that no group reads keeps all of its records.\ndelete from records r\n where r.topic = :topic!\n   and r.moment < clock_timestamp() - :retentionSeconds!::integer * interval '1 second'\n   and r.\"offset\" < (select min(g.next_offset)\n                       from group_partitions g\n                      where g.topic = r.topic and g.partition = r.partition)"};

/**
 * Query generated from SQL:
 * ```
 * -- Keeps every record at or above the offset of some group. A topic that no group reads keeps all of its records.
 * delete from records r
 *  where r.topic = :topic!
 *    and r.moment < clock_timestamp() - :retentionSeconds!::integer * interval '1 second'
 *    and r."offset" < (select min(g.next_offset)
 *                        from group_partitions g
 *                       where g.topic = r.topic and g.partition = r.partition)
 * ```
 */
export const pruneRecords = new PreparedQuery<IPruneRecordsParams,IPruneRecordsResult>(pruneRecordsIR);


