/** Types generated for queries found in "sql/notifier/queries/list.sql" */
import { PreparedQuery } from '@pgtyped/runtime';

/** 'ListApplied' parameters type */
export interface IListAppliedParams {
  orderId: bigint;
}

/** 'ListApplied' return type */
export interface IListAppliedResult {
  moment: Date;
  status: string;
  version: number;
}

/** 'ListApplied' query type */
export interface IListAppliedQuery {
  params: IListAppliedParams;
  result: IListAppliedResult;
}

const listAppliedIR: any = {"usedParamSet":{"orderId":true},"params":[{"name":"orderId","required":true,"transform":{"type":"scalar"},"locs":[{"a":106,"b":114}]}],"statement":"select n.version, n.status as \"status!\", n.moment as \"moment!\"\n  from notifications n\n where n.order_id = :orderId! and n.state = 'applied'\n order by n.version"};

/**
 * Query generated from SQL:
 * ```
 * select n.version, n.status as "status!", n.moment as "moment!"
 *   from notifications n
 *  where n.order_id = :orderId! and n.state = 'applied'
 *  order by n.version
 * ```
 */
export const listApplied = new PreparedQuery<IListAppliedParams,IListAppliedResult>(listAppliedIR);


