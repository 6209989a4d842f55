#include "base/test.h"
#include "yaml/schema.h"

#include <string.h>

#define ARENA CLEANUP(arena_free) struct arena *arena = arena_new(64 * MIB)

/* The findings of a file, one line each without the text of the sentence: "7:3 E1101 fix". */
static struct yaml_problems check(struct arena *arena, const char *kind, const char *text)
{
    struct yaml_problems problems = {.arena = arena};
    struct yaml yaml = {0};
    struct error err = {0};

    CHECK_OK(yaml_parse(arena, str_from(text), &yaml, &err), &err);
    yaml_check(&yaml, yaml_kind_find(str_from(kind)), &problems);
    if (!strcmp(kind, "commandJob"))
        yaml_check_command(&yaml, &problems);
    yaml_problems_sort(&problems);
    return problems;
}

static void reports(const char *kind, const char *text, const char *expected)
{
    ARENA;
    struct yaml_problems problems = check(arena, kind, text);
    struct str lines = STR("");

    for (struct yaml_problem *one = problems.first; one; one = one->next)
        lines = arena_printf(arena, "%.*s%u:%u %s%s%.*s\n", STR_ARG(lines), one->at.line,
                             one->at.column, one->code, one->fix.len ? " " : "", STR_ARG(one->fix));
    CHECK_STR(expected, lines);
}

#define JOB "command: echo\nenvironment: azureml:e@latest\n"

TEST(a_plain_job_has_no_problem)
{
    reports("commandJob", "$schema: x\n" JOB, "");
    reports("commandJob",
            JOB "type: Command\ncompute: azureml:cpu-cluster\nlimits: {timeout: 300}\n", "");
    reports("commandJob", "command: a\nenvironment: {image: x, conda_file: c.yml}\ncode: ./src\n",
            "");
}

TEST(every_problem_of_a_file_is_reported_at_its_place)
{
    reports("commandJob",
            "comand: echo\nenvironment: 3\nlimits:\n  timeout: soon\n  tiemout: 1\ntags: [a]\n",
            "1:1 E1101 command\n1:1 E1102\n2:14 E1103\n4:12 E1103\n5:3 E1101 timeout\n6:7 E1103\n");
}

TEST(the_text_of_a_problem_names_file_line_and_fix)
{
    ARENA;
    struct yaml_problems problems = check(arena, "commandJob", JOB "computee: azureml:c\n");
    CHECK_STR("train.yml:3:1  error  E1101  unknown key 'computee' in CommandJob\n"
              "                            fix: compute\n",
              yaml_problems_text(&problems, STR("train.yml")));
}

TEST(a_union_is_resolved_by_type_first)
{
    reports("commandJob", JOB "distribution:\n  type: mpi\n  process_count_per_instence: 2\n",
            "5:3 E1101 process_count_per_instance\n");
    reports("commandJob",
            JOB "inputs:\n  d:\n    type: mltable\n    mode: eval_mount\n    path: ./x\n",
            "4:3 W2101\n");
    reports("commandJob",
            JOB "inputs:\n  d:\n    type: uri_file\n    mode: eval_mount\n    path: ./x\n",
            "4:3 W2101\n6:11 E1104 ro_mount\n");
    reports("commandJob", JOB "inputs:\n  d:\n    type: uri_fil\n    path: ./x\n",
            "4:3 W2101\n5:11 E1104 uri_file\n");
}

TEST(a_type_that_no_alternative_has_is_told_all_of_them)
{
    ARENA;
    struct yaml_problems problems = check(arena, "commandJob", JOB "distribution: {type: mpy}\n");

    CHECK_INT(1, problems.errors);
    CHECK_STR("'distribution.type' is 'mpy'; expected one of pytorch, tensorflow, mpi, ray",
              problems.first->message);
    CHECK_STR("mpi", problems.first->fix);
}

TEST(expressions_must_name_what_the_job_has)
{
    reports("commandJob",
            "command: p ${{inputs.datta}} ${{ inputs.lr }} ${{outputs.o}} ${{search_space.q}}\n"
            "environment: azureml:e:1\ninputs: {data: 1, lr: 0.1}\noutputs:\n  o:\n",
            "1:10 E1301 ${{inputs.data}}\n1:10 E1302\n3:10 W2101\n");
}

TEST(references_are_checked_for_their_form)
{
    reports("commandJob", "command: x\nenvironment: azureml:@x\n", "2:14 E1201\n");
    reports("commandJob", "command: x\nenvironment: sklearn\n", "2:14 E1103\n");
    reports("commandJob", JOB "code: azureml:c\n", "3:7 E1201\n");
    reports("commandJob",
            "command: x\nenvironment: azureml://registries/azureml/environments/e/labels/latest\n",
            "");
    reports("commandJob", JOB "inputs: {d: {type: uri_file, path: azureml:iris}}\n",
            "3:10 W2101\n3:36 E1201\n");
    reports("commandJob", JOB "inputs: {d: {path: azureml://datastores/w/paths/x}}\n",
            "3:10 W2101\n");
}

TEST(numbers_truths_and_words_are_taken_as_az_takes_them)
{
    reports("managedOnlineDeployment",
            "name: a\nendpoint_name: b\ninstance_type: s\ninstance_count: "
            "'2'\napp_insights_enabled: 'yes'\n"
            "egress_public_network_access: Enabled\n",
            "");
    reports("managedOnlineDeployment",
            "name: a\nendpoint_name: b\ninstance_type: s\ninstance_count: "
            "two\napp_insights_enabled: maybe\n",
            "4:17 E1103\n5:23 E1103\n");
    reports("managedOnlineEndpoint", "name: 9lives\nauth_mode: keys\ntraffic: {blue: ten}\n",
            "1:7 E1202\n2:12 E1104 key\n3:17 E1103\n");
    reports("environment", "name: e\nversion: 3\nimage: x\n", "");
}

TEST(empty_values_and_keys_of_the_server_are_named)
{
    reports("commandJob", JOB "description:\n", "3:1 E1105\n");
    reports("commandJob", JOB "status: Completed\n", "3:1 W2102\n");
    reports("commandJob", "- a\n", "1:1 E1103\n");
    reports("commandJob", "", "1:1 E1103\n");
    reports("data", "type: uri_file\n", "1:1 E1102\n");
}

TEST(keys_of_the_server_are_taken_out)
{
    ARENA;
    struct yaml_problems problems = {.arena = arena};
    struct yaml yaml = {0};
    struct error err = {0};

    CHECK_OK(yaml_parse(arena, STR(JOB "status: Completed\n"), &yaml, &err), &err);
    yaml_check(&yaml, yaml_kind_find(STR("commandJob")), &problems);
    CHECK(json_get(yaml.root, STR("status")) == NULL);
    CHECK_INT(1, problems.warnings);
    CHECK_INT(0, problems.errors);
}

TEST(what_the_command_line_set_may_be_text)
{
    ARENA;
    struct yaml_problems problems = {.arena = arena};
    struct yaml yaml = {0};
    struct error err = {0};

    CHECK_OK(yaml_parse(arena, STR(JOB "tags: {a: x}\n"), &yaml, &err), &err);
    json_put(arena, yaml.root, "tags.b", json_double(arena, 0.5), &err);
    json_put(arena, yaml.root, "display_name", json_bool(arena, true), &err);
    yaml_check(&yaml, yaml_kind_find(STR("commandJob")), &problems);
    CHECK_INT(0, problems.errors);
    CHECK_STR("0.5", json_str_at(yaml.root, "tags.b"));
    CHECK_STR("True", json_str_at(yaml.root, "display_name"));
    reports("commandJob", JOB "tags: {a: 1}\n", "3:11 E1103\n");
}

TEST(the_nearest_word_is_near)
{
    const struct str words[] = {STR("compute"), STR("command"), STR("code"),
                                STR("environment_variables")};

    CHECK_STR("compute", yaml_nearest(STR("copmute"), words, 4));
    CHECK_STR("environment_variables", yaml_nearest(STR("environmentVariables"), words, 4));
    CHECK_STR("environment_variables", yaml_nearest(STR("environment"), words, 4));
    CHECK_STR("", yaml_nearest(STR("zzz"), words, 4));
    CHECK_STR("", yaml_nearest(STR("a_word_that_is_longer_than_forty_characters_is"), words, 4));
}

TEST(every_kind_has_fields_in_order)
{
    for (size_t i = 0; i < yaml_kind_count; i++) {
        const struct yaml_def *def = yaml_kinds[i].def;
        CHECK(def->field_count > 3);
        for (size_t k = 1; k < def->field_count; k++)
            CHECK(strcmp(def->fields[k - 1].name, def->fields[k].name) < 0);
    }
    CHECK(yaml_kind_find(STR("nothing")) == NULL);
}
