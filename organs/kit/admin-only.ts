import type { MiddlewareHandler } from 'hono';
import { Forbidden } from './errors.ts';

/**
 * Before a handler that changes what all users share: somebody who comes through the gateway must have the role admin. The
 * gateway alone sets `x-azora-roles`; what calls an organ without it runs on this machine and belongs to the system.
 */
export const adminOnly: MiddlewareHandler = (c, next) => {
  const roles = c.req.header('x-azora-roles');
  if (roles !== undefined && !roles.split(',').includes('admin')) throw new Forbidden('this needs the role admin');
  return next();
};
