/* fixture_test.h - a workspace, its account and the rows of the surface, for the tests of blob/ */
#pragma once

#include "blob/internal.h"

#include "arm/fake_exchange.h"

#define GUID "0123abcd-0000-4000-8000-000000000001"
#define ACCOUNT "lz0123abcd000040008000"
#define ROOT "/" ACCOUNT ".blob.core.lazurite.test"
#define BARE "/azureml-" GUID
#define DATA "/azureml-blobstore-" GUID
#define LONG ROOT BARE

struct blob_fixture {
    struct arena *arena;
    struct engines engines;
    struct fake *fake; /* an admin who puts block blobs */
    int dir;
};

struct blob_fixture *blob_fixture_open(void);
void blob_fixture_close(struct blob_fixture **f);

/* From now on there are people; their keys are made in the folder of the test. */
void blob_with_people(struct blob_fixture *f);
/* The object id of a new user with a role, by its name, at the workspace; NULL gives none. */
struct str blob_new_user(struct blob_fixture *f, const char *role);
/* Requests come from a user with this object id. */
void blob_as_user(struct blob_fixture *f, struct str object_id);

/* The status of a PUT; the reply of a GET. */
int blob_put_text(struct blob_fixture *f, const char *target, const char *text);
struct fake_reply blob_get_text(struct blob_fixture *f, const char *target);
bool blob_holds(struct str text, const char *part);
/* A PUT with one header more, which the next requests do not have. */
int blob_put_with(struct blob_fixture *f, const char *target, const char *header,
                  const char *value);
/* From now on requests come with a signature for these rights in the account, or in one container.
 */
void blob_as_sas(struct blob_fixture *f, const char *container, const char *permissions);
/* The code of the last refusal. */
struct str blob_code(struct blob_fixture *f);
