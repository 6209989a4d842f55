/* sas_private.h - the parameters of a signature and the text that is signed */
#pragma once

#include "vault/sas.h"

/* The parameters a signature may have, and places of the signed text that are no parameters. */
enum sas_field {
    SV,
    SR,
    SP,
    ST,
    SE,
    SPR,
    SIG,
    SIP,
    SDD,
    SS, /* account signatures: services, resource types */
    SRT,
    RSCC, /* headers of the reply */
    RSCD,
    RSCE,
    RSCL,
    RSCT,
    SKOID, /* delegation keys */
    SKTID,
    SKT,
    SKE,
    SKS,
    SKV,
    SAOID,
    SUOID,
    SCID,
    SKDUTID,
    SDUOID,
    SI, /* from here on: not built, refused by name */
    SES,
    SNAPSHOT,
    SRH,
    SRQ,
    SAS_FIELDS,
    SAS_ACCOUNT = SAS_FIELDS, /* the account's name */
    SAS_RESOURCE,             /* "/blob/account/container/blob" */
    SAS_NOTHING,
};

/* Decoded values, "" for what is not there. */
struct sas_fields {
    struct str at[SAS_FIELDS];
};

/* Errors: ERROR_INVALID for what is there twice or cannot be decoded. */
int sas_fields_read(struct arena *arena, struct str query, struct sas_fields *out,
                    struct error *err);
const char *sas_field_name(enum sas_field field);

/* The folder of a signature with sr=d: the first `sdd` pieces of the name; "" when there are not as
 * many. */
struct str sas_folder(const struct sas_fields *fields, struct str blob);

/* Whether a key of the account, or a delegation key, made the signature over what is asked for. */
bool sas_client_signed(struct vault *vault, struct arena *arena, const struct sas_fields *fields,
                       const struct sas_ask *ask);
