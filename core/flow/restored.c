/* core/flow/restored.c: an appliance that was restored from a backup sends nothing until a person says so (engine.h).
 *
 * The backup does not know what was sent after it was made: its queue may hold deliveries that partners have already
 * (reliability DB-08). The store's counter "restored-at" tells when it was restored, "released-at" when somebody last
 * said that it may send.
 */
#include "core/base/log.h"
#include "core/flow/work.h"

static const char restored_at[] = "restored-at", released_at[] = "released-at";

error *restored_look(engine *e) {
    int64_t restored = 0, released = 0;
    error *err = store_counter(e->options.store, restored_at, &restored);
    if (!err) err = store_counter(e->options.store, released_at, &released);
    if (err) return err;
    atomic_store(&e->held_since_ms, restored > released ? restored : 0);
    if (restored > released)
        log_warning(
            "restored from a backup: nothing is delivered until `banyan restore --release`, since what waits may "
            "have been sent before");
    return NULL;
}

int64_t engine_held_since_ms(const engine *e) {
    return atomic_load(&e->held_since_ms);
}

error *engine_release(engine *e, const char *who) {
    if (!engine_held_since_ms(e)) return NULL;
    store_change *change = store_change_new();
    store_raise_counter(change, released_at, clock_wall_ms());
    store_audit(change, who, "release deliveries", "restore", NULL);
    error *err = store_commit(e->options.store, change, NULL);
    if (err) return err;
    atomic_store(&e->held_since_ms, 0);
    log_info("deliveries were released after the restore by %s", who);
    engine_reconfigured(e);
    return NULL;
}
