/** Types generated for queries found in "sql/cart/queries/resume.sql" */
import { PreparedQuery } from '@pgtyped/runtime';

export type bigintArray = (bigint)[];

export type numberArray = (number)[];

export type stringArray = (string)[];

/** 'ClaimOpenCheckouts' parameters type */
export interface IClaimOpenCheckoutsParams {
  claimMs: number;
  limit: number;
}

/** 'ClaimOpenCheckouts' return type */
export interface IClaimOpenCheckoutsResult {
  counts: numberArray;
  decide_before: Date;
  id: string;
  line_ids: bigintArray;
  moment: Date;
  names: stringArray;
  prices: bigintArray;
  skus: bigintArray;
  user_id: bigint;
}

/** 'ClaimOpenCheckouts' query type */
export interface IClaimOpenCheckoutsQuery {
  params: IClaimOpenCheckoutsParams;
  result: IClaimOpenCheckoutsResult;
}

const claimOpenCheckoutsIR: any = {"usedParamSet":{"claimMs":true,"limit":true},"params":[{"name":"claimMs","required":true,"transform":{"type":"scalar"},"locs":[{"a":452,"b":460}]},{"name":"limit","required":true,"transform":{"type":"scalar"},"locs":[{"a":797,"b":803}]}],"statement":"-- Skips checkouts that another instance is claiming at this moment. clock_timestamp() is read in a select of its own,\n-- so that it is read once and the partial index on claimed_until can be used. The ids are selected into an array, so\n-- that their select runs only once. PostgreSQL may run a plain subquery several times, and each run would claim further\n-- checkouts, beyond the limit.\nupdate checkouts c\n   set claimed_until = clock_timestamp() + :claimMs!::integer * interval '1 ms'\n where c.state = 'open'\n   and c.id = any(array(select d.id\n                          from checkouts d\n                         where d.state = 'open'\n                           and d.claimed_until < (select clock_timestamp())\n                         order by d.claimed_until\n                         limit :limit!::integer\n                           for no key update skip locked))\nreturning c.id, c.user_id, c.decide_before, tally_now() as \"moment!\",\n          array(select l.line_id from checkout_lines l where l.checkout_id = c.id order by l.sku) as \"line_ids!\",\n          array(select l.sku     from checkout_lines l where l.checkout_id = c.id order by l.sku) as \"skus!\",\n          array(select l.count   from checkout_lines l where l.checkout_id = c.id order by l.sku) as \"counts!\",\n          array(select l.name    from checkout_lines l where l.checkout_id = c.id order by l.sku) as \"names!\",\n          array(select l.price   from checkout_lines l where l.checkout_id = c.id order by l.sku) as \"prices!\""};

/**
 * Query generated from SQL:
 * ```
 * -- Skips checkouts that another instance is claiming at this moment. clock_timestamp() is read in a select of its own,
 * -- so that it is read once and the partial index on claimed_until can be used. The ids are selected into an array, so
 * -- that their select runs only once. PostgreSQL may run a plain subquery several times, and each run would claim further
 * -- checkouts, beyond the limit.
 * update checkouts c
 *    set claimed_until = clock_timestamp() + :claimMs!::integer * interval '1 ms'
 *  where c.state = 'open'
 *    and c.id = any(array(select d.id
 *                           from checkouts d
 *                          where d.state = 'open'
 *                            and d.claimed_until < (select clock_timestamp())
 *                          order by d.claimed_until
 *                          limit :limit!::integer
 *                            for no key update skip locked))
 * returning c.id, c.user_id, c.decide_before, tally_now() as "moment!",
 *           array(select l.line_id from checkout_lines l where l.checkout_id = c.id order by l.sku) as "line_ids!",
 *           array(select l.sku     from checkout_lines l where l.checkout_id = c.id order by l.sku) as "skus!",
 *           array(select l.count   from checkout_lines l where l.checkout_id = c.id order by l.sku) as "counts!",
 *           array(select l.name    from checkout_lines l where l.checkout_id = c.id order by l.sku) as "names!",
 *           array(select l.price   from checkout_lines l where l.checkout_id = c.id order by l.sku) as "prices!"
 * ```
 */
export const claimOpenCheckouts = new PreparedQuery<IClaimOpenCheckoutsParams,IClaimOpenCheckoutsResult>(claimOpenCheckoutsIR);


/** 'FindOwner' parameters type */
export interface IFindOwnerParams {
  id: string;
}

/** 'FindOwner' return type */
export interface IFindOwnerResult {
  user_id: bigint;
}

/** 'FindOwner' query type */
export interface IFindOwnerQuery {
  params: IFindOwnerParams;
  result: IFindOwnerResult;
}

const findOwnerIR: any = {"usedParamSet":{"id":true},"params":[{"name":"id","required":true,"transform":{"type":"scalar"},"locs":[{"a":50,"b":53}]}],"statement":"select c.user_id\n  from checkouts c\n where c.id = :id!"};

/**
 * Query generated from SQL:
 * ```
 * select c.user_id
 *   from checkouts c
 *  where c.id = :id!
 * ```
 */
export const findOwner = new PreparedQuery<IFindOwnerParams,IFindOwnerResult>(findOwnerIR);


