//! Days on which something around the hosts is wrong.

mod keys;
mod postgresql;
mod restored_backup;

use libtest_mimic::Trial;

use crate::trials;

pub fn trials() -> Vec<Trial> {
    trials! { "bad_days":
        keys::a_host_with_another_key_ring_says_so_and_leaves_the_grant_to_the_others,
        postgresql::a_host_whose_postgresql_is_down_says_so_and_does_not_start,
        postgresql::nothing_is_sent_while_postgresql_is_read_only,
        restored_backup::a_spent_refresh_token_from_a_backup_asks_for_a_sign_in_and_only_once_for_tokens,
    }
}
