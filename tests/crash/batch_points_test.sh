#!/usr/bin/env bash
# Death at every named crash point of a batch and of the block cache: nothing lost, nothing twice, and the batch ends.
source "$(dirname "$0")/../support/suite.sh" "$@"
source "$SUPPORT/folder_cases.sh"

FOLDER=$WORK/folder
export CRATEDRIVE_SETTLE=300ms

# Some of everything: samples of each kind, text patches, broken ones, a twin.
mkdir -p "$FOLDER/deep/er"
find "$LMMS" -type f | sort | awk 'NR % 45 == 0' | while read -r file; do cp "$file" "$FOLDER/deep/"; done
cp "$(find "$LMMS" -name '*.ogg' | sort | head -n 1)" "$FOLDER/deep/er/once.ogg"
cp "$FOLDER/deep/er/once.ogg" "$FOLDER/again.ogg"
: > "$FOLDER/empty.wav"
python3 "$ROOT/scripts/make-samples" "$WORK/pack" > /dev/null
tar -C "$WORK/pack" -cf "$WORK/more.tar" .
printf '[[enrich]]\nname = "nothing"\ncommand = ["echo", "{}"]\n' > "$WORK/enrich.toml"

fetch_bucket() { cp -r "$BUCKET" "$1"; }
is_dead() { ! daemon_of "$DRIVE" > /dev/null; }
dead_or_ended() { is_dead || batches_ended "$1"; }

fresh_drive() { # POINT: with a bucket of its own
  BUCKET=$WORK/bucket-${1//[.:]/-} DRIVE=$WORK/drive-${1//[.:]/-} URL=file://$WORK/bucket-${1//[.:]/-}
  mkdir "$BUCKET"
}

# The copy dies with the daemon: what cp was told is whole is not copied again, the rest is.
copy() { python3 "$SUPPORT/copier.py" "$FOLDER" "$DRIVE/inbox/kit" "$WORK/copied-$1" > "$WORK/copier.log" 2>&1; }

a_batch_survives_death_at() { # POINT[:N] [flags of mount…]
  fresh_drive "$1"
  CRATEDRIVE_CRASH=$1 mount_drive "$URL" "$DRIVE" "${@:2}" > /dev/null
  copy "$1" || true
  within 60 dead_or_ended kit
  is_dead || { echo "$1 was never passed"; return 1; }
  mount_drive "$URL" "$DRIVE" "${@:2}" > /dev/null
  copy "$1"
  within 60 inbox_is_empty
  within 60 batches_ended kit
  drained "$DRIVE" 60
  account_for "$FOLDER" kit
  unmount_drive "$DRIVE"
}

an_archive_survives_death_at() { # POINT[:N]
  fresh_drive "$1"
  CRATEDRIVE_CRASH=$1 mount_drive "$URL" "$DRIVE" > /dev/null
  cp "$WORK/more.tar" "$DRIVE/inbox/"
  within 60 is_dead
  mount_drive "$URL" "$DRIVE" > /dev/null
  within 60 inbox_is_empty
  drained "$DRIVE" 60
  python3 "$SUPPORT/same_tree.py" "$WORK/pack" "$DRIVE/more"
  unmount_drive "$DRIVE"
}

a_cancelled_batch_stays_cancelled_after_death_at() { # POINT
  local id
  fresh_drive "$1"
  CRATEDRIVE_CRASH=$1 CRATEDRIVE_SETTLE=1h mount_drive "$URL" "$DRIVE" > /dev/null
  cp -r "$FOLDER" "$DRIVE/inbox/kit"
  within 20 compgen -G "$DRIVE/.cratedrive/batches/*-kit"
  id=$(basename "$DRIVE"/.cratedrive/batches/*-kit)
  echo cancel > "$DRIVE/.cratedrive/batches/$id/control" || true
  within 20 is_dead
  mount_drive "$URL" "$DRIVE" > /dev/null
  within 20 batches_ended kit
  same cancelled "$(jq -r .state "$DRIVE/.cratedrive/batches/$id/status.json")"
  python3 "$SUPPORT/same_tree.py" "$FOLDER" "$DRIVE/inbox/kit"
  unmount_drive "$DRIVE"
}

a_read_survives_death_while_its_block_is_kept() {
  fresh_drive block
  head -c 3000000 /dev/urandom > "$BUCKET/long.raw"
  CRATEDRIVE_CRASH=cache.after_block mount_drive "$URL" "$DRIVE" > /dev/null
  cat "$DRIVE/long.raw" > /dev/null || true
  within 20 is_dead
  mount_drive "$URL" "$DRIVE" > /dev/null
  cmp "$BUCKET/long.raw" "$DRIVE/long.raw"
  unmount_drive "$DRIVE"
}

for point in $(grep -rhoE 'crash_point\("batch\.[^"]+"\)' "$ROOT/src/batch" | cut -d'"' -f2 | sort -u); do
  case $point in
    batch.after_cancel) case_ok a_cancelled_batch_stays_cancelled_after_death_at $point ;;
    *archive* | *handover* | *unpacked*) case_ok an_archive_survives_death_at "$point" ;;
    batch.unpack_file) case_ok an_archive_survives_death_at "$point"; case_ok an_archive_survives_death_at "$point:3" ;;
    batch.after_enriched) case_ok a_batch_survives_death_at "$point" --config "$WORK/enrich.toml" ;;
    *report* | *unlink* | *told*) case_ok a_batch_survives_death_at "$point" ;;
    *) case_ok a_batch_survives_death_at "$point"; case_ok a_batch_survives_death_at "$point:3" ;;
  esac
done
case_ok a_read_survives_death_while_its_block_is_kept
finish
