/*
 * The body of a vector scrypt kernel; included once per instruction set by scrypt.c, which defines
 *   LANES      headers at once
 *   KERNEL(x)  the names of this instance's functions
 *   ISA        the compiler's name of the instruction set
 *   GATHER(base, index)  LANES 32-bit words at base[index[lane]]
 *
 * Word w of lane l is element l of the vector w, so a step of Salsa20/8 is the same vector
 * operation for all lanes. Only the lookup of V[j] differs per lane: that is the gather.
 */

typedef uint32_t KERNEL(vec) __attribute__((vector_size(LANES * 4), may_alias));
#define VEC KERNEL(vec)

#define ROTATE(x, n)        (((x) << (n)) | ((x) >> (32 - (n))))
#define QUARTER(a, b, c, n) x[a] ^= ROTATE(x[b] + x[c], n)
#define ROUND(a, b, c, d)                                                                          \
    QUARTER(b, a, d, 7);                                                                           \
    QUARTER(c, b, a, 9);                                                                           \
    QUARTER(d, c, b, 13);                                                                          \
    QUARTER(a, d, c, 18)

/* BLOCK = Salsa20/8(BLOCK ^ OTHER) */
__attribute__((target(ISA), always_inline)) static inline void KERNEL(salsa)(VEC block[16],
                                                                             const VEC other[16])
{
    VEC x[16];

    for (int i = 0; i < 16; i++)
        x[i] = block[i] ^= other[i];
    for (int i = 0; i < 4; i++) {
        ROUND(0, 4, 8, 12);
        ROUND(5, 9, 13, 1);
        ROUND(10, 14, 2, 6);
        ROUND(15, 3, 7, 11);
        ROUND(0, 1, 2, 3);
        ROUND(5, 6, 7, 4);
        ROUND(10, 11, 8, 9);
        ROUND(15, 12, 13, 14);
    }
    for (int i = 0; i < 16; i++)
        block[i] += x[i];
}

__attribute__((target(ISA))) static void KERNEL(mix)(VEC x[32], VEC *v)
{
    VEC lane, index;

    for (unsigned l = 0; l < LANES; l++)
        lane[l] = l;
    for (unsigned i = 0; i < 1024; i++) {
        memcpy(&v[(size_t)i * 32], x, 32 * sizeof(VEC));
        KERNEL(salsa)(x, x + 16);
        KERNEL(salsa)(x + 16, x);
    }
    for (unsigned i = 0; i < 1024; i++) {
        index = (x[16] & 1023) * (32 * LANES) + lane;
        for (unsigned k = 0; k < 32; k++)
            x[k] ^= GATHER((const uint32_t *)v + (size_t)k * LANES, index);
        KERNEL(salsa)(x, x + 16);
        KERNEL(salsa)(x + 16, x);
    }
}

__attribute__((target(ISA))) static void KERNEL(hash)(const uint8_t (*headers)[HEADER_SIZE],
                                                      uint8_t (*out)[32], void *scratch)
{
    struct hmac_key key[LANES];
    VEC x[32];

    for (unsigned l = 0; l < LANES; l++) {
        uint32_t words[32];

        hmac_init(&key[l], headers[l], HEADER_SIZE);
        pbkdf2_first(&key[l], headers[l], words);
        for (unsigned w = 0; w < 32; w++)
            x[w][l] = words[w];
    }
    KERNEL(mix)(x, scratch);
    for (unsigned l = 0; l < LANES; l++) {
        uint32_t words[32];

        for (unsigned w = 0; w < 32; w++)
            words[w] = x[w][l];
        pbkdf2_last(&key[l], words, out[l]);
    }
}

#undef VEC
#undef ROTATE
#undef QUARTER
#undef ROUND
#undef LANES
#undef KERNEL
#undef ISA
#undef GATHER
