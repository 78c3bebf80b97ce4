#!/usr/bin/env bash
# Two real folders of samples through the inbox, with a folder as the bucket: every file accounted for.
source "$(dirname "$0")/../support/suite.sh" "$@"
source "$SUPPORT/folder_cases.sh"

BUCKET=$WORK/bucket DRIVE=$WORK/drive URL=file://$WORK/bucket
mkdir "$BUCKET"
fetch_bucket() { cp -r "$BUCKET" "$1"; }

the_drive_mounts() { mount_drive "$URL" "$DRIVE"; }
what_the_first_folder_left_is_set_aside() { # so that each folder is accounted for on its own
  unmount_drive "$DRIVE"
}

case_ok the_drive_mounts
case_ok every_file_of_the_folder_is_accounted_for "$LMMS" lmms
case_ok the_catalogue_names_every_labelled_sample 234
case_ok a_second_drop_of_the_same_folder_stores_nothing "$LMMS" lmms
case_ok what_the_first_folder_left_is_set_aside
BUCKET=$WORK/bucket2 URL=file://$WORK/bucket2
mkdir "$BUCKET"
case_ok the_drive_mounts
case_ok every_file_of_the_folder_is_accounted_for "$KITS" kits
case_ok a_second_drop_of_the_same_folder_stores_nothing "$KITS" kits
cat "$WORK/notes"
finish
