/*
 * One call of a webhook: POST of a JSON object by HTTPS, signed.
 *
 *   X-Penstock-Signature: sha256=HEX   HMAC-SHA256 of the body; the key is the text `secret` that
 *                                      the body of kind "confirm" has
 *
 * Whoever asks for it names the URL, so it must not reach what only this machine can: only public
 * addresses, looked at when the connection is made, whatever the name said before; no redirects, no
 * proxies; bounds on time and on the answer, which nobody sees.
 */
#ifndef PENSTOCK_BACKEND_NOTIFY_WEBHOOK_H
#define PENSTOCK_BACKEND_NOTIFY_WEBHOOK_H

#include "backend/notify/mail.h"

#include <sys/socket.h>

/* An address of the internet at large: not this machine's, no private, reserved or group one. */
bool webhook_is_public(const struct sockaddr *address);

/* An answer of 200 to 299 within ten seconds. False, with the reason in ERR. */
bool webhook_call(const struct notify_conf *conf, const struct notice *n, char *err,
                  size_t err_size);

#endif
