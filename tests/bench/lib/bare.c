#include "tests/bench/lib/bare.h"

#include "common/base/clock.h"

#include <fcgiapp.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define WARM_UP_MS 1500 /* longer than it takes to start them all */

int bare_serve(bare_fn *operate, void *ctx)
{
    static const char reply[] = "Content-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n";
    FCGX_Request request;

    if (FCGX_Init() != 0 || FCGX_InitRequest(&request, 0, 0) != 0)
        return EX_OSERR;
    while (FCGX_Accept_r(&request) == 0) {
        const char *query = FCGX_GetParam("QUERY_STRING", request.envp);

        if (query != NULL && *query) {
            clock_sleep_ms(WARM_UP_MS);
            FCGX_FPrintF(request.out, "Content-Type: text/plain\r\n\r\n%d ok\n", (int)getpid());
        } else if (operate(ctx)) {
            FCGX_PutStr(reply, (int)strlen(reply), request.out);
        } else {
            FCGX_FPrintF(request.out, "Status: 500\r\nContent-Length: 0\r\n\r\n");
        }
        FCGX_Finish_r(&request);
    }
    return 0;
}
