# A room is a folder of src/ and a static library of the same name. Sources are globbed, so a new
# file needs no edit here; what a room may link is said once, in the top CMakeLists.txt.

add_library(cd_flags INTERFACE)
target_compile_options(cd_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -fno-omit-frame-pointer)
if(CD_WERROR AND NOT CD_SANITIZE)
  target_compile_options(cd_flags INTERFACE -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 sees overlapping copies in "literal" + std::string that are not there (GCC bug 105651).
  target_compile_options(cd_flags INTERFACE -Wno-restrict)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CD_SANITIZE)
  # Instrumented code looks to its flow analysis as if it went out of bounds; the plain build tells the truth.
  target_compile_options(cd_flags INTERFACE -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread
    -Wno-maybe-uninitialized)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(cd_flags INTERFACE -Wthread-safety)
endif()
if(CD_SANITIZE)
  target_compile_options(cd_flags INTERFACE -fsanitize=${CD_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(cd_flags INTERFACE -fsanitize=${CD_SANITIZE})
  target_compile_definitions(cd_flags INTERFACE CD_SANITIZED=1)
endif()
target_compile_definitions(cd_flags INTERFACE CD_VERSION="${PROJECT_VERSION}" FUSE_USE_VERSION=312
  _FILE_OFFSET_BITS=64)

# What rooms are compiled with. Sanitizers want less optimisation than people do. Their builds share a
# precompiled header (tests always do); the plain build has none, and so notices a missing #include.
add_library(cd_room_flags INTERFACE)
target_link_libraries(cd_room_flags INTERFACE cd_flags)
# Tests run as quickly unoptimised, and are compiled in half the time.
add_library(cd_test_flags INTERFACE)
target_link_libraries(cd_test_flags INTERFACE cd_flags)
target_compile_options(cd_test_flags INTERFACE -O0 -g1)
if(CD_SANITIZE MATCHES "undefined")
  target_compile_options(cd_test_flags INTERFACE -fno-sanitize=undefined) # it is the rooms that are tried
endif()
set(CD_COMMON_HEADERS <algorithm> <chrono> <condition_variable> <functional> <map> <memory> <mutex> <optional>
  <set> <string> <string_view> <thread> <unordered_map> <vector> <fmt/format.h> <tl/expected.hpp>)
if(CD_SANITIZE)
  target_compile_options(cd_room_flags INTERFACE -O1 -g1)
  target_precompile_headers(cd_room_flags INTERFACE ${CD_COMMON_HEADERS})
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(cd_flags INTERFACE -fpch-preprocess) # so that ccache sees into precompiled headers
endif()

function(cd_room NAME)
  cmake_parse_arguments(ROOM "" "" "ROOMS;LIBS" ${ARGN})
  file(GLOB SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${NAME}/*.cc)
  if(NOT SOURCES)
    file(WRITE ${PROJECT_BINARY_DIR}/empty_${NAME}.cc "")
    set(SOURCES ${PROJECT_BINARY_DIR}/empty_${NAME}.cc)
  endif()
  add_library(cd_${NAME} STATIC ${SOURCES})
  target_include_directories(cd_${NAME} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  list(TRANSFORM ROOM_ROOMS PREPEND cd_)
  target_link_libraries(cd_${NAME} PUBLIC ${ROOM_ROOMS} ${ROOM_LIBS} PRIVATE cd_room_flags)
endfunction()

# The program: src/app without main.cc is a library too, so that tests can use it.
function(cd_app NAME)
  cmake_parse_arguments(APP "" "" "ROOMS;LIBS" ${ARGN})
  cd_room(app ROOMS ${APP_ROOMS} LIBS ${APP_LIBS})
  get_target_property(SOURCES cd_app SOURCES)
  list(FILTER SOURCES EXCLUDE REGEX "/app/main\\.cc$")
  if(NOT SOURCES)
    file(WRITE ${PROJECT_BINARY_DIR}/empty_app.cc "")
    set(SOURCES ${PROJECT_BINARY_DIR}/empty_app.cc)
  endif()
  set_target_properties(cd_app PROPERTIES SOURCES "${SOURCES}")
  if(EXISTS ${PROJECT_SOURCE_DIR}/src/app/main.cc)
    add_executable(${NAME} ${PROJECT_SOURCE_DIR}/src/app/main.cc)
    target_link_libraries(${NAME} PRIVATE cd_app cd_room_flags)
  else()
    file(WRITE ${PROJECT_BINARY_DIR}/empty_main.cc "int main() { return 1; }\n")
    add_executable(${NAME} ${PROJECT_BINARY_DIR}/empty_main.cc)
  endif()
endfunction()

# One gtest program per room: cd_test(cache ROOMS cache) takes tests/cache/*_test.cc.
function(cd_test NAME)
  cmake_parse_arguments(T "" "" "ROOMS;LIBS;LABELS" ${ARGN})
  file(GLOB SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${NAME}/*.cc)
  if(NOT SOURCES)
    return()
  endif()
  add_executable(${NAME}_tests ${SOURCES})
  list(TRANSFORM T_ROOMS PREPEND cd_)
  target_include_directories(${NAME}_tests PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${NAME}_tests PRIVATE ${T_ROOMS} cd_test_support ${T_LIBS} rapidcheck
    rapidcheck_gtest GTest::gtest GTest::gmock GTest::gtest_main cd_test_flags)
  target_precompile_headers(${NAME}_tests PRIVATE ${CD_COMMON_HEADERS} <gtest/gtest.h> <gmock/gmock.h>)
  add_test(NAME ${NAME} COMMAND ${NAME}_tests)
  set_tests_properties(${NAME} PROPERTIES LABELS "unit;${T_LABELS}" TIMEOUT 600)
endfunction()
