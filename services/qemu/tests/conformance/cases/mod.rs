//! The cases, by what they are about.

mod bad_input;
mod configuration;
mod console;
mod endings;
mod identity;
mod jail;
mod lazily;
mod metadata;
mod own;
mod running;
mod slots;
mod snapshot_refusals;
mod snapshots;

use crate::bench::Engine;
use anyhow::Result;
use std::pin::Pin;

/// A case under way.
type Run = Pin<Box<dyn Future<Output = Result<()>>>>;

/// Something every engine must do.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) run: fn(Engine) -> Run,
}

macro_rules! cases {
    ($($module:ident :: $case:ident),* $(,)?) => {
        &[$(Case {
            name: concat!(stringify!($module), "::", stringify!($case)),
            run: |engine| Box::pin($module::$case(engine)),
        }),*]
    };
}

/// For every engine.
pub(crate) const CASES: &[Case] = cases![
    identity::says_who_it_is,
    configuration::remembers_what_was_put,
    configuration::patches_what_is_named,
    bad_input::bodies,
    bad_input::paths_and_methods,
    bad_input::vcpus,
    bad_input::memory,
    bad_input::files,
    bad_input::a_corrupt_kernel,
    bad_input::an_oversized_body,
    metadata::remembers_and_merges,
    metadata::refuses_more_than_fits,
    metadata::refuses_a_service_that_cannot_be,
    metadata::a_running_machine_without_a_service_has_no_store,
    running::boots_and_speaks,
    running::refuses_what_comes_too_early,
    running::refuses_what_comes_too_late,
    running::pauses_and_resumes,
    running::boots_with_drives_and_entropy,
    running::boots_many_vcpus,
    snapshots::a_full_one_is_exact_and_goes_on,
    snapshots::a_load_may_resume_at_once,
    snapshots::as_many_as_wanted,
    snapshots::a_diff_over_its_base_is_the_whole,
    slots::a_loaded_machine_has_the_new_tap_and_new_metadata,
    slots::metadata_may_come_before_the_load,
    slots::a_tap_that_is_not_there_is_refused,
    snapshot_refusals::bodies,
    snapshot_refusals::what_is_not_paused,
    snapshot_refusals::files_that_cannot_be_written,
    snapshot_refusals::a_load_after_configuration,
    snapshot_refusals::files_that_are_not_there,
    snapshot_refusals::damaged_state,
    snapshot_refusals::a_memory_file_that_is_too_short,
    lazily::memory_comes_as_it_is_touched,
    lazily::a_full_one_has_all_of_it,
    lazily::a_diff_has_what_was_touched,
    lazily::without_its_pager_a_machine_ends,
    console::a_flood_is_cut_off,
    endings::a_guest_reset_ends_the_engine,
    endings::stop_leaves_nothing,
    endings::stop_while_paused_leaves_nothing,
    endings::a_killed_engine_takes_everything_along,
    endings::an_engine_survives_its_handle_and_is_adopted,
    endings::an_unrecorded_engine_is_found,
];

/// For `roost-qemu` alone.
pub(crate) const QEMU_CASES: &[Case] = cases![
    own::a_pager_that_hangs_up_ends_the_load,
    own::a_library_that_cannot_hand_over_says_why,
    own::a_snapshot_of_another_qemu_is_refused,
    own::a_device_state_that_qemu_refuses_is_told,
];

/// For Firecracker alone.
pub(crate) const FIRECRACKER_CASES: &[Case] = cases![jail::a_jailed_engine_boots];
