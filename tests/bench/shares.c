/*
 * shares: from one solution, many: the same block with other nonces, whose proofs of work are
 * above the network's target, so that each is a share and none is a block. Says at the end, on
 * stderr, how much CPU time a hash took.
 *
 *     shares ALGORITHM COUNT <SOLUTION >SOLUTIONS
 */
#include "common/base/hex.h"
#include "common/base/mem.h"
#include "common/coin/block.h"
#include "common/coin/hash.h"
#include "common/message/solution.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH = 64, NONCE_AT = 76 };

static void set_nonce(uint8_t header[HEADER_SIZE], uint32_t nonce)
{
    for (unsigned i = 0; i < 4; i++)
        header[NONCE_AT + i] = (uint8_t)(nonce >> (8 * i));
}

static void print_field(const struct text *field, enum solution_field i)
{
    printf("%s%.*s", i > 0 ? "," : "", (int)field->len, field->p);
}

/* FIELD with what depends on the nonce replaced. */
static void print_solution(const struct text *field, const uint8_t header[HEADER_SIZE],
                           uint32_t nonce, const struct u256 *pow)
{
    char block_hash[65], pow_hash[65], header_hex[2 * HEADER_SIZE + 1], number[16];
    struct text new[SOLUTION_FIELDS];
    uint8_t internal[32];
    struct u256 hash;

    sha256d(header, HEADER_SIZE, internal);
    u256_reverse(internal, &hash);
    u256_to_hex(&hash, block_hash);
    u256_to_hex(pow, pow_hash);
    hex_encode(header, HEADER_SIZE, header_hex);
    snprintf(number, sizeof(number), "%u", nonce);
    memcpy(new, field, sizeof(new));
    new[SOLUTION_BLOCK_HASH] = (struct text){block_hash, 64};
    new[SOLUTION_POW_HASH] = (struct text){pow_hash, 64};
    new[SOLUTION_NONCE] = (struct text){number, strlen(number)};
    new[SOLUTION_BLOCK_HEX].p += 2 * HEADER_SIZE;
    new[SOLUTION_BLOCK_HEX].len -= 2 * (size_t)HEADER_SIZE;
    for (enum solution_field i = 0; i < SOLUTION_FIELDS; i++) {
        if (i == SOLUTION_BLOCK_HEX)
            printf(",%s%.*s", header_hex, (int)new[i].len, new[i].p);
        else
            print_field(&new[i], i);
    }
    putchar('\n');
}

static double cpu_time_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void make(const struct pow_algorithm *pow, const struct text *field,
                 const uint8_t header[HEADER_SIZE], unsigned long count)
{
    uint8_t headers[BATCH][HEADER_SIZE];
    struct u256 hash[BATCH], target;
    struct header parsed;
    uint32_t nonce = 0;
    double cpu_us = 0;

    header_parse(header, &parsed);
    if (!u256_from_compact(parsed.bits, &target)) {
        fprintf(stderr, "shares: the header states no target\n");
        exit(65);
    }
    while (count > 0) {
        for (uint32_t i = 0; i < BATCH; i++) {
            memcpy(headers[i], header, HEADER_SIZE);
            set_nonce(headers[i], nonce + i);
        }
        double start = cpu_time_us();
        pow->hash_many((const uint8_t(*)[HEADER_SIZE])headers, BATCH, hash);
        cpu_us += cpu_time_us() - start;
        for (uint32_t i = 0; i < BATCH && count > 0; i++) {
            if (u256_cmp(&hash[i], &target) <= 0)
                continue;
            print_solution(field, headers[i], nonce + i, &hash[i]);
            count--;
        }
        nonce += BATCH;
    }
    fprintf(stderr, "%.3f us a hash\n", cpu_us / nonce);
}

int main(int argc, char **argv)
{
    const struct pow_algorithm *pow = argc == 3 ? pow_by_name(argv[1]) : NULL;
    struct text field[SOLUTION_FIELDS];
    uint8_t header[HEADER_SIZE];
    char *line = NULL;
    size_t size = 0;

    if (pow == NULL) {
        fprintf(stderr, "usage: shares scrypt|sha256d COUNT <SOLUTION\n");
        return 64;
    }
    ssize_t len = getline(&line, &size, stdin);
    if (len <= 0 || !solution_split(line, (size_t)len, field) ||
        field[SOLUTION_BLOCK_HEX].len < 2 * (size_t)HEADER_SIZE ||
        !hex_decode(field[SOLUTION_BLOCK_HEX].p, 2 * (size_t)HEADER_SIZE, header)) {
        fprintf(stderr, "shares: standard input is no solution\n");
        return 65;
    }
    make(pow, field, header, strtoul(argv[2], NULL, 10));
    free(line);
    return fflush(stdout) == 0 ? 0 : 74;
}
