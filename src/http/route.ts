import type { Request, Response } from 'express'
import type { z } from 'zod'
import type { Caller, Reason } from '../domain/caller.ts'
import type { ErrorCode } from '../domain/errors.ts'
import type { Action } from '../domain/permission.ts'
import type { Beside } from '../guards/beside.ts'
import type { Idempotency } from '../guards/idempotency.ts'
import type { Door } from './door.ts'
import type { Reply } from './respond.ts'
import type { Upload } from './upload.ts'

/** Headers of the vault's own that a route reads; each is parsed once, in `dispatch.ts`, and described once, in `openapi.ts`. */
export type RouteHeader =
  | 'Idempotency-Key'
  | 'Vault-Purpose'
  | 'Vault-Case'
  | 'Vault-Second-Authorization'
  | 'Vault-Approval'
  | 'Range'
  | 'If-Range'
  | 'If-None-Match'

/** One successful answer, as the OpenAPI document describes it. */
export interface AnswerShape {
  readonly description: string
  /** JSON of this shape; absent for answers without a body. */
  readonly schema?: z.ZodType
  /** The document's own bytes instead of JSON. */
  readonly bytes?: true
  /** Plain text or a page, with its media type. */
  readonly media?: string
  readonly headers?: readonly ('Location' | 'ETag' | 'Idempotent-Replayed' | 'Content-Range' | 'Vault-Receipt')[]
}

export type RouteMethod = 'get' | 'post' | 'put' | 'delete'

/** What a request of a guarded route has become when its handler sees it: parsed, and nothing else of it is trusted. */
export interface Asked<Params, Query, Body> {
  readonly caller: Caller
  readonly params: Params
  readonly query: Query
  readonly body: Body
  /** From Vault-Purpose and Vault-Case. */
  readonly reason: Reason
  /** Only of routes that list Idempotency-Key. */
  readonly idempotency: Idempotency
  /** The person beside the caller, or the approval, where Vault-Second-Authorization or Vault-Approval was sent. */
  readonly beside: Beside
  readonly headers: Request['headers']
  readonly head: boolean
  /** Aborted with a VaultError when the client is gone, its body stalls, or the vault stops. */
  readonly signal: AbortSignal
}

interface Described {
  readonly method: RouteMethod
  /** As in OpenAPI: `/v1/documents/{id}`. */
  readonly path: `/${string}`
  readonly id: string
  readonly summary: string
  readonly description?: string
  readonly answers: Readonly<Record<number, AnswerShape>>
  /** Of its own: those that its shape and its headers bring along are added in `openapi-document.ts`. */
  readonly refusals: readonly ErrorCode[]
}

export interface GuardedRoute extends Described {
  /** The row of the role matrix that judges it; also what its refusals at the door are recorded as. */
  readonly action: Action
  readonly params?: z.ZodObject
  readonly query?: z.ZodObject
  readonly headers?: readonly RouteHeader[]
  readonly body?: { readonly json: z.ZodType } | { readonly multipart: z.ZodType }
  /** Loads the verb that the handler calls, which does so itself where nobody has before. */
  load(): Promise<unknown>
  handle(door: Door, asked: Asked<never, never, never>): Promise<Reply>
}

/** A route that anybody may call, and why: it must neither touch a tenant's rows nor cost much. */
export interface PublicRoute extends Described {
  readonly public: string
  answer(door: Door, req: Request, res: Response): Promise<void>
}

export type Route = GuardedRoute | PublicRoute

type Out<Schema> = Schema extends z.ZodType ? z.output<Schema> : undefined
type BodyOut<Body> = Body extends { readonly json: infer Schema }
  ? Out<Schema>
  : Body extends { readonly multipart: infer Meta }
    ? Upload<Out<Meta>>
    : undefined

type Spec<P, Q, B, V> = Omit<GuardedRoute, 'params' | 'query' | 'body' | 'load' | 'handle'> & {
  readonly params?: P
  readonly query?: Q
  readonly body?: B
  /** Loads the verb, or an object of those that the handler chooses from: the start waits for none of them. */
  readonly verb?: () => Promise<V>
  handle(door: Door, asked: Asked<Out<P>, Out<Q>, BodyOut<B>>, verb: V): Promise<Reply>
}

/**
 * Types the handler by the schemas and the verb that stand beside it. A verb that cannot be loaded is a failure like any
 * other: nothing of the request has happened.
 */
export function guarded<
  P extends z.ZodObject | undefined = undefined,
  Q extends z.ZodObject | undefined = undefined,
  B extends GuardedRoute['body'] = undefined,
  V = undefined,
>(spec: Spec<P, Q, B, V>): GuardedRoute {
  const { verb, ...described } = spec
  let loading: Promise<V> | undefined
  const load = (): Promise<V> => {
    loading ??= verb?.() ?? Promise.resolve(undefined as V)
    return loading
  }
  const route = {
    ...described,
    load,
    handle: async (door: Door, asked: Asked<Out<P>, Out<Q>, BodyOut<B>>) => spec.handle(door, asked, await load()),
  }
  return route as unknown as GuardedRoute
}
