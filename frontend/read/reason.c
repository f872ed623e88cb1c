#include "frontend/read/reason.h"

#include <stddef.h>
#include <string.h>

static const struct reason_words reasons[] = {
    {"BibleHashAlreadyKnown", "Sent twice",
     "This solution was credited before. A few of these are normal after a bad connection; many "
     "mean "
     "that two miners share one configuration."},
    {"UnknownWork", "Unknown work",
     "The work was not handed out by this pool, or is long gone. Restart the miner, and check that "
     "it "
     "mines on one pool only."},
    {"WorkMismatch", "Somebody else's work",
     "The work was handed out to another address. Check that the miner's address did not change "
     "while "
     "it was running."},
    {"MinerDisabled", "Miner disabled",
     "The operator has disabled this address. Ask the operator why."},
    {"WorkExpired", "Too late",
     "The solution came long after its work was handed out. A slow connection or a computer that "
     "slept does this."},
    {"HashTargetExceeded", "Not difficult enough",
     "The hash does not meet the target of the work. Update the miner; overclocked hardware also "
     "makes such errors."},
    {"TransactionInvalid", "Broken transaction",
     "The block's first transaction could not be read. Update the miner and its node."},
    {"HeaderTimeInvalid", "Wrong clock",
     "The block's time is too far from the pool's. Set the computer's clock, best by NTP."},
    {"BlockMismatch", "Not the block that was hashed",
     "The block that was sent is not the one that the solution is for, or cannot be read. Update "
     "the "
     "miner and its node."},
    {"TransactionTampered", "Reward goes elsewhere",
     "The block does not pay its reward to the pool. Check the miner's settings for the pool's "
     "address."},
    {"BibleHashWrong", "Wrong hash",
     "The pool computed another hash for this block. Overclocked or faulty hardware does this, and "
     "a "
     "node of the wrong version."},
    {"Biblepayd_Outdated", "Node too old",
     "The miner's node makes blocks that the network no longer takes. Update it."},
    {"Invalid_CPID", "CPID is not valid",
     "The network does not accept this CPID. Check that it is registered with this wallet."},
    {"Illegal_CPID", "CPID may not mine",
     "This CPID must not mine this block: it is banned, or it mined one too recently."},
    {"Stale", "Stale",
     "The solution came after another block was found, so it was of no use any more. One in a "
     "hundred is normal; a miner with longpoll has fewer."},
    {"JobUnknown", "Unknown job",
     "The job that the work was made from is long gone. Restart the miner."},
    {"JobMismatch", "Not the work that was handed out",
     "The block's header is not the one that was handed out: only its time and nonce may change. "
     "Update the miner."},
};

static const struct reason_words unknown = {
    NULL, "Refused", "The solution was refused. Ask the operator, and tell the reason's name."};

const struct reason_words *reason_words(const char *name)
{
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (strcmp(reasons[i].name, name) == 0)
            return &reasons[i];
    return &unknown;
}
