#include "http/connection_private.h"

void forward_begin(struct http_exchange *ex)
{
}

void forward_end(struct http_exchange *ex)
{
}

void forward_sweep(struct loop *loop)
{
}

void upstream_close_all(struct loop *loop)
{
}
