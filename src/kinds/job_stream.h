/* job_stream.h - following a job: its log as it is written, its states as they change */
#pragma once

#include "route/route.h"

/* GET …/jobs/{name}/stream?cursor=&logs=std|system|build|all: server-sent events `log`
 * {"file","offset","text"}, `state` {"status","reason"}, `end` {"status","reason"}. Each id is a
 * cursor from which a broken stream goes on without losing a line. */
void job_stream_run(struct call *call);

/* GET …/jobs/{name}/why: the answer of job_why. */
void job_why_run(struct call *call);
