# Building in the checkout, and copying what runs into the state. Sourced, never run.

# build TARGET…: one build at a time in a checkout; others wait for it and find it done.
build() {
    mkdir -p "$ROOT/build"
    with_lock "$ROOT/build/.lock" 1800 make -s -C "$ROOT" -j"$(nproc)" "$@"
}

# The state runs copies: a later build does not change a running pool, and the tiers' uids need not
# be able to read the checkout (/root, say).
install_programs() {
    local file
    mkdir -p "$STATE/bin/tools"
    for file in "$ROOT"/build/penstock* "$ROOT"/build/tools/*; do
        [[ -f $file && -x $file ]] || continue
        install_file 755 "$file" "$STATE/bin/${file#"$ROOT/build/"}"
    done
    for file in schedule demo-blocks; do
        install_file 755 "$ROOT/deploy/lib/$file" "$STATE/bin/$file"
    done
}

# By rename, since a running program's file cannot be written to.
install_file() {
    install -m "$1" "$2" "$3.new"
    mv -f "$3.new" "$3"
}
