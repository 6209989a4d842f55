/* sandbox.h - whether bubblewrap is there and may make namespaces here (decisions 29) */
#pragma once

#include "base/base.h"

/* Tries it on /bin/true; some 10 ms. */
bool sandbox_works(void);
