/* suite.h - what the tests of the conformance suite share: the engine they run on */
#pragma once

#include "base/test.h"
#include "store/store_engine.h"

/* The URL under test, with a database of its own that no other test has used. */
const char *suite_url(void);

/* What this engine can do: keep its bytes when closed, be read while it is written, be given a plan
 * of store_fault.h. */
bool suite_persistent(void);
bool suite_snapshots(void);
bool suite_plans(void);

const struct store_engine *suite_engine(void);

/* The file behind a persistent URL, and a copy of it with its log as a killed process would leave
 * them; the URL of the copy. */
const char *suite_path(const char *url);
const char *suite_copy(const char *url);

/* A connection, open for the time of a test. For CLEANUP. */
void suite_close(struct store_connection **connection);
struct store_connection *suite_open(const char *url, bool writer);
