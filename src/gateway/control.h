/* control.h - run/gateway.sock: what `serve` tells the gateway
 *
 *     GET /status   {"listen", "port", "pid", "endpoints": […]}
 *     PUT /routes   {"endpoints": […]} as routes.h says; kept in run/gateway.json, then in force
 *     POST /stop    {"replicas": true|false}; 202, then the gateway ends
 *
 * Only the folder's owner is answered; the kernel says who asks.
 */
#pragma once

#include "gateway/proxy.h"

/* Answers a request of the control socket; an http_app's head. */
enum http_verdict control_head(struct http_exchange *ex, struct http_plan *plan,
                               struct gateway *gateway);

/* Writes run/gateway.json: who we are and the routes; NULL keeps those it holds. */
int control_save(struct gateway *gateway, const struct json *endpoints, struct error *err);

/* Reads what an earlier gateway left: routes, and the port it had (0 when none). Not there: fine.
 */
int control_load(struct gateway *gateway, uint16_t *out_port, struct error *err);
