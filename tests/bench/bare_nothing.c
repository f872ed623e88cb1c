/* The ceiling for any request: a FastCGI program that only answers. */
#include "tests/bench/lib/bare.h"

static bool nothing(void *ctx)
{
    (void)ctx;
    return true;
}

int main(void)
{
    return bare_serve(nothing, (void *)0);
}
