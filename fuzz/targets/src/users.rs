// SPDX-License-Identifier: Apache-2.0
//! The image's passwd and group files.

/// `user[:group]`, a zero byte, the passwd file, a zero byte, the group file.
pub(crate) fn users(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.splitn(3, '\0');
    let mut next = || parts.next().unwrap_or_default();
    let (wanted, passwd, group) = (next(), next(), next());
    let Ok(user) = runtime::user::resolve(wanted, &["mail".to_owned()], passwd, group) else { return };
    assert!(user.uid != u32::MAX && user.gid != u32::MAX);
    assert!(user.groups.contains(&user.gid) && user.groups.is_sorted() && !user.home.is_empty());
    // A number is never looked up as a name (CVE-2016-3697).
    let name = wanted.split(':').next().unwrap_or_default();
    if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()) {
        assert_eq!(name.parse(), Ok(user.uid));
    }
}
