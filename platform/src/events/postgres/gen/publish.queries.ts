/** Types generated for queries found in "sql/log/queries/publish.sql" */
import { PreparedQuery } from '@pgtyped/runtime';

export type BufferArray = (Buffer)[];

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export type JsonArray = (Json)[];

export type numberArray = (number)[];

export type stringArray = (string)[];

/** 'AppendRecords' parameters type */
export interface IAppendRecordsParams {
  headers: JsonArray;
  keys: stringArray;
  partitions: numberArray;
  topics: stringArray;
  values: BufferArray;
}

/** 'AppendRecords' return type */
export interface IAppendRecordsResult {
  offset: bigint;
  partition: number;
}

/** 'AppendRecords' query type */
export interface IAppendRecordsQuery {
  params: IAppendRecordsParams;
  result: IAppendRecordsResult;
}

const appendRecordsIR: any = {"usedParamSet":{"topics":true,"partitions":true,"keys":true,"values":true,"headers":true},"params":[{"name":"topics","required":true,"transform":{"type":"scalar"},"locs":[{"a":499,"b":506}]},{"name":"partitions","required":true,"transform":{"type":"scalar"},"locs":[{"a":517,"b":528}]},{"name":"keys","required":true,"transform":{"type":"scalar"},"locs":[{"a":542,"b":547}]},{"name":"values","required":true,"transform":{"type":"scalar"},"locs":[{"a":558,"b":565}]},{"name":"headers","required":true,"transform":{"type":"scalar"},"locs":[{"a":577,"b":585}]}],"statement":"-- Locks the partitions in a fixed order, so that publishers cannot deadlock, and raises their counters under those\n-- locks. So offsets become visible in order and without gaps. With a sequence, a later offset could become visible\n-- before an earlier one, and a reader would skip the earlier one for ever. An event whose partition does not exist is\n-- not stored, and the result has no row for it.\nwith incoming as (\n  select r.topic, r.partition, r.key, r.value, r.headers, r.nth\n    from unnest(:topics!::text[], :partitions!::integer[], :keys!::text[], :values!::bytea[], :headers!::jsonb[])\n         with ordinality as r (topic, partition, key, value, headers, nth)\n),\ncounted as (\n  select i.topic, i.partition, count(*) as n\n    from incoming i\n   group by i.topic, i.partition\n),\nlocked as (\n  select p.topic, p.partition, p.next_offset\n    from partitions p\n   where (p.topic, p.partition) in (select c.topic, c.partition from counted c)\n   order by p.topic, p.partition\n     for no key update of p\n),\nplaced as (\n  select i.topic, i.partition, i.key, i.value, i.headers, i.nth,\n         l.next_offset - 1 + row_number() over (partition by i.topic, i.partition order by i.nth) as \"offset\"\n    from incoming i\n    join locked l on l.topic = i.topic and l.partition = i.partition\n),\nraised as (\n  update partitions p\n     set next_offset = l.next_offset + c.n\n    from locked l\n    join counted c on c.topic = l.topic and c.partition = l.partition\n   where p.topic = l.topic and p.partition = l.partition\n),\ninserted as (\n  insert into records (topic, partition, \"offset\", key, value, headers)\n  select p.topic, p.partition, p.\"offset\", p.key, p.value, p.headers\n    from placed p\n)\nselect p.partition as \"partition!\", p.\"offset\" as \"offset!\"\n  from placed p\n order by p.nth"};

/**
 * Query generated from SQL:
 * ```
 * -- Locks the partitions in a fixed order, so that publishers cannot deadlock, and raises their counters under those
 * -- locks. So offsets become visible in order and without gaps. With a sequence, a later offset could become visible
 * -- before an earlier one, and a reader would skip the earlier one for ever. An event whose partition does not exist is
 * -- not stored, and the result has no row for it.
 * with incoming as (
 *   select r.topic, r.partition, r.key, r.value, r.headers, r.nth
 *     from unnest(:topics!::text[], :partitions!::integer[], :keys!::text[], :values!::bytea[], :headers!::jsonb[])
 *          with ordinality as r (topic, partition, key, value, headers, nth)
 * ),
 * counted as (
 *   select i.topic, i.partition, count(*) as n
 *     from incoming i
 *    group by i.topic, i.partition
 * ),
 * locked as (
 *   select p.topic, p.partition, p.next_offset
 *     from partitions p
 *    where (p.topic, p.partition) in (select c.topic, c.partition from counted c)
 *    order by p.topic, p.partition
 *      for no key update of p
 * ),
 * placed as (
 *   select i.topic, i.partition, i.key, i.value, i.headers, i.nth,
 *          l.next_offset - 1 + row_number() over (partition by i.topic, i.partition order by i.nth) as "offset"
 *     from incoming i
 *     join locked l on l.topic = i.topic and l.partition = i.partition
 * ),
 * raised as (
 *   update partitions p
 *      set next_offset = l.next_offset + c.n
 *     from locked l
 *     join counted c on c.topic = l.topic and c.partition = l.partition
 *    where p.topic = l.topic and p.partition = l.partition
 * ),
 * inserted as (
 *   insert into records (topic, partition, "offset", key, value, headers)
 *   select p.topic, p.partition, p."offset", p.key, p.value, p.headers
 *     from placed p
 * )
 * select p.partition as "partition!", p."offset" as "offset!"
 *   from placed p
 *  order by p.nth
 * ```
 */
export const appendRecords = new PreparedQuery<IAppendRecordsParams,IAppendRecordsResult>(appendRecordsIR);


/** 'CountPartitions' parameters type */
export interface ICountPartitionsParams {
  topics: stringArray;
}

/** 'CountPartitions' return type */
export interface ICountPartitionsResult {
  partitions: number;
  topic: string;
}

/** 'CountPartitions' query type */
export interface ICountPartitionsQuery {
  params: ICountPartitionsParams;
  result: ICountPartitionsResult;
}

const countPartitionsIR: any = {"usedParamSet":{"topics":true},"params":[{"name":"topics","required":true,"transform":{"type":"scalar"},"locs":[{"a":92,"b":99}]}],"statement":"select p.topic, count(*)::integer as \"partitions!\"\n  from partitions p\n where p.topic = any(:topics!)\n group by p.topic"};

/**
 * Query generated from SQL:
 * ```
 * select p.topic, count(*)::integer as "partitions!"
 *   from partitions p
 *  where p.topic = any(:topics!)
 *  group by p.topic
 * ```
 */
export const countPartitions = new PreparedQuery<ICountPartitionsParams,ICountPartitionsResult>(countPartitionsIR);


