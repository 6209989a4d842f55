/* template_deploy.h - from a template to resources; template.c is the wire */
#pragma once

#include "kinds/template_expr.h"
#include "kinds/workspace.h"

/* One deployment under way. */
struct deploy {
    struct arm *arm;
    struct call *call;
    struct template t;
    struct json *operations; /* what was done, for GET …/operations */
    struct json *made;       /* ids of our resources */
    struct scope scope;      /* of the first of them: where the deployment is kept */
};

/* Reads parameters and template and does what they say. Errors: those of the template's expressions
 * and of the resources; what was made before stays, as with Azure. */
int template_deploy(struct deploy *deploy, const struct json *properties, struct error *err);
