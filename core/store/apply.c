/* core/store/apply.c: see apply.h. */
#include "core/store/apply.h"

#include "core/base/memory.h"

static apply_step *const appliers[STEP_KINDS] = {
    [STEP_ADD_MESSAGE] = apply_add_message,
    [STEP_SET_STATUS] = apply_set_status,
    [STEP_SET_DELIVERED] = apply_set_delivered,
    [STEP_SETTLE] = apply_settle_message,
    [STEP_SET_FACTS] = apply_set_facts,
    [STEP_ADD_DOCUMENT] = apply_add_document,
    [STEP_ADD_KEY] = apply_add_key,
    [STEP_ADD_EVENT] = apply_add_event,
    [STEP_CLAIM_KEY] = apply_claim_key,
    [STEP_RELEASE_KEY] = apply_release_key,
    [STEP_ADD_JOB] = apply_add_job,
    [STEP_FINISH_JOB] = apply_finish_job,
    [STEP_RETRY_JOB] = apply_retry_job,
    [STEP_BURY_JOB] = apply_bury_job,
    [STEP_NOTE_JOB] = apply_note_job,
    [STEP_EXTEND_JOB] = apply_extend_job,
    [STEP_REVIVE_JOB] = apply_revive_job,
    [STEP_CLAIM_JOBS] = apply_claim_jobs,
    [STEP_ACKNOWLEDGE] = apply_acknowledge,
    [STEP_LINK_ANSWER] = apply_link_answer,
    [STEP_PUT_OBJECT] = apply_put_object,
    [STEP_REMOVE_OBJECT] = apply_remove_object,
    [STEP_PUT_SECRET] = apply_put_secret,
    [STEP_RAISE_COUNTER] = apply_raise_counter,
    [STEP_AUDIT] = apply_audit,
};

error *apply_change(applier *a) {
    error *err = NULL;
    a->known_seq = 0;
    a->last_document = 0;
    for (const step *s = change_next_step(a->change, NULL); s && !err; s = change_next_step(a->change, s))
        err = appliers[s->kind](a, s);
    return err;
}

static news_entry *next_news(applier *a) {
    if (a->news_count == a->news_room) {
        a->news_room = a->news_room ? a->news_room * 2 : 64;
        a->news = xreallocarray(a->news, a->news_room, sizeof *a->news);
    }
    return &a->news[a->news_count++];
}

void apply_news(applier *a, const char *kind, const unsigned char *uuid, const char *status) {
    if (!a->s->options.committed) return;
    news_entry *entry = next_news(a);
    *entry = (news_entry){.kind = kind, .status = status};
    uuid_format(uuid, entry->id);
}

void apply_object_news(applier *a, const char *kind, const char *name, const char *status) {
    if (!a->s->options.committed) return;
    *next_news(a) = (news_entry){.kind = "config", .status = status, .object_kind = kind, .object_name = name};
}
