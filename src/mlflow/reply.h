/* reply.h - what goes back: JSON, and errors in MLflow's own words */
#pragma once

#include "mlflow/ask.h"

/* 200 with what was written (an empty reply is `{}`). */
void reply_json(struct call *call, struct out *out);
/* 200 with a text that lives as long as the exchange. */
void reply_text(struct call *call, const char *content_type, struct str text);

/* An error of a handler. */
void reply_error(struct call *call, const struct error *err);
/* An error of dispatch: what is not found is then the endpoint. */
void reply_refuse(struct call *call, const struct error *err);
