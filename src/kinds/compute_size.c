/* Names of machine sizes and what Azure gives under them. Here a size is a promise of cores that
 * this host keeps as far as it can: nothing else of it is used. */
#include "kinds/compute.h"

#include "kinds/kinds.h"

#include <assert.h>
#include <dirent.h>
#include <unistd.h>

/* clang-format off */
static const struct compute_size SIZES[] = {
    {"Standard_A1_v2", "standardAv2Family", 1, 2, 0, 10240},
    {"Standard_A2_v2", "standardAv2Family", 2, 4, 0, 20480},
    {"Standard_A4_v2", "standardAv2Family", 4, 8, 0, 40960},
    {"Standard_A8_v2", "standardAv2Family", 8, 16, 0, 81920},
    {"Standard_D1_v2", "standardDv2Family", 1, 3.5, 0, 51200},
    {"Standard_D2_v2", "standardDv2Family", 2, 7, 0, 102400},
    {"Standard_D3_v2", "standardDv2Family", 4, 14, 0, 204800},
    {"Standard_D4_v2", "standardDv2Family", 8, 28, 0, 409600},
    {"Standard_D5_v2", "standardDv2Family", 16, 56, 0, 819200},
    {"Standard_D11_v2", "standardDv2Family", 2, 14, 0, 102400},
    {"Standard_D12_v2", "standardDv2Family", 4, 28, 0, 204800},
    {"Standard_D13_v2", "standardDv2Family", 8, 56, 0, 409600},
    {"Standard_D14_v2", "standardDv2Family", 16, 112, 0, 819200},
    {"Standard_DS1_v2", "standardDSv2Family", 1, 3.5, 0, 7168},
    {"Standard_DS2_v2", "standardDSv2Family", 2, 7, 0, 14336},
    {"Standard_DS3_v2", "standardDSv2Family", 4, 14, 0, 28672},
    {"Standard_DS4_v2", "standardDSv2Family", 8, 28, 0, 57344},
    {"Standard_DS5_v2", "standardDSv2Family", 16, 56, 0, 114688},
    {"Standard_DS11_v2", "standardDSv2Family", 2, 14, 0, 28672},
    {"Standard_DS12_v2", "standardDSv2Family", 4, 28, 0, 57344},
    {"Standard_DS13_v2", "standardDSv2Family", 8, 56, 0, 114688},
    {"Standard_DS14_v2", "standardDSv2Family", 16, 112, 0, 229376},
    {"Standard_DS15_v2", "standardDSv2Family", 20, 140, 0, 286720},
    {"Standard_D2_v3", "standardDv3Family", 2, 8, 0, 51200},
    {"Standard_D4_v3", "standardDv3Family", 4, 16, 0, 102400},
    {"Standard_D8_v3", "standardDv3Family", 8, 32, 0, 204800},
    {"Standard_D16_v3", "standardDv3Family", 16, 64, 0, 409600},
    {"Standard_D32_v3", "standardDv3Family", 32, 128, 0, 819200},
    {"Standard_D48_v3", "standardDv3Family", 48, 192, 0, 1228800},
    {"Standard_D64_v3", "standardDv3Family", 64, 256, 0, 1638400},
    {"Standard_D2s_v3", "standardDSv3Family", 2, 8, 0, 16384},
    {"Standard_D4s_v3", "standardDSv3Family", 4, 16, 0, 32768},
    {"Standard_D8s_v3", "standardDSv3Family", 8, 32, 0, 65536},
    {"Standard_D16s_v3", "standardDSv3Family", 16, 64, 0, 131072},
    {"Standard_D32s_v3", "standardDSv3Family", 32, 128, 0, 262144},
    {"Standard_D48s_v3", "standardDSv3Family", 48, 192, 0, 393216},
    {"Standard_D64s_v3", "standardDSv3Family", 64, 256, 0, 524288},
    {"Standard_D2ds_v4", "standardDDSv4Family", 2, 8, 0, 75776},
    {"Standard_D4ds_v4", "standardDDSv4Family", 4, 16, 0, 151552},
    {"Standard_D8ds_v4", "standardDDSv4Family", 8, 32, 0, 303104},
    {"Standard_D16ds_v4", "standardDDSv4Family", 16, 64, 0, 606208},
    {"Standard_D32ds_v4", "standardDDSv4Family", 32, 128, 0, 1212416},
    {"Standard_D48ds_v4", "standardDDSv4Family", 48, 192, 0, 1818624},
    {"Standard_D64ds_v4", "standardDDSv4Family", 64, 256, 0, 2424832},
    {"Standard_D2s_v5", "standardDSv5Family", 2, 8, 0, 0},
    {"Standard_D4s_v5", "standardDSv5Family", 4, 16, 0, 0},
    {"Standard_D8s_v5", "standardDSv5Family", 8, 32, 0, 0},
    {"Standard_D16s_v5", "standardDSv5Family", 16, 64, 0, 0},
    {"Standard_D32s_v5", "standardDSv5Family", 32, 128, 0, 0},
    {"Standard_D48s_v5", "standardDSv5Family", 48, 192, 0, 0},
    {"Standard_D64s_v5", "standardDSv5Family", 64, 256, 0, 0},
    {"Standard_D96s_v5", "standardDSv5Family", 96, 384, 0, 0},
    {"Standard_E2s_v3", "standardESv3Family", 2, 16, 0, 32768},
    {"Standard_E4s_v3", "standardESv3Family", 4, 32, 0, 65536},
    {"Standard_E8s_v3", "standardESv3Family", 8, 64, 0, 131072},
    {"Standard_E16s_v3", "standardESv3Family", 16, 128, 0, 262144},
    {"Standard_E32s_v3", "standardESv3Family", 32, 256, 0, 524288},
    {"Standard_E48s_v3", "standardESv3Family", 48, 384, 0, 786432},
    {"Standard_E64s_v3", "standardESv3Family", 64, 432, 0, 1048576},
    {"Standard_E2ds_v4", "standardEDSv4Family", 2, 16, 0, 75776},
    {"Standard_E4ds_v4", "standardEDSv4Family", 4, 32, 0, 151552},
    {"Standard_E8ds_v4", "standardEDSv4Family", 8, 64, 0, 303104},
    {"Standard_E16ds_v4", "standardEDSv4Family", 16, 128, 0, 606208},
    {"Standard_E32ds_v4", "standardEDSv4Family", 32, 256, 0, 1212416},
    {"Standard_E48ds_v4", "standardEDSv4Family", 48, 384, 0, 1818624},
    {"Standard_E64ds_v4", "standardEDSv4Family", 64, 504, 0, 2424832},
    {"Standard_F2s_v2", "standardFSv2Family", 2, 4, 0, 16384},
    {"Standard_F4s_v2", "standardFSv2Family", 4, 8, 0, 32768},
    {"Standard_F8s_v2", "standardFSv2Family", 8, 16, 0, 65536},
    {"Standard_F16s_v2", "standardFSv2Family", 16, 32, 0, 131072},
    {"Standard_F32s_v2", "standardFSv2Family", 32, 64, 0, 262144},
    {"Standard_F48s_v2", "standardFSv2Family", 48, 96, 0, 393216},
    {"Standard_F64s_v2", "standardFSv2Family", 64, 128, 0, 524288},
    {"Standard_F72s_v2", "standardFSv2Family", 72, 144, 0, 589824},
    {"Standard_NC6", "standardNCFamily", 6, 56, 1, 348160},
    {"Standard_NC12", "standardNCFamily", 12, 112, 2, 696320},
    {"Standard_NC24", "standardNCFamily", 24, 224, 4, 1474560},
    {"Standard_NC6s_v3", "standardNCSv3Family", 6, 112, 1, 753664},
    {"Standard_NC12s_v3", "standardNCSv3Family", 12, 224, 2, 1509376},
    {"Standard_NC24s_v3", "standardNCSv3Family", 24, 448, 4, 3018752},
    {"Standard_NC24rs_v3", "standardNCSv3Family", 24, 448, 4, 3018752},
    {"Standard_NC4as_T4_v3", "standardNCASv3_T4Family", 4, 28, 1, 184320},
    {"Standard_NC8as_T4_v3", "standardNCASv3_T4Family", 8, 56, 1, 368640},
    {"Standard_NC16as_T4_v3", "standardNCASv3_T4Family", 16, 110, 1, 368640},
    {"Standard_NC64as_T4_v3", "standardNCASv3_T4Family", 64, 440, 4, 2949120},
    {"Standard_NC24ads_A100_v4", "standardNCADSA100v4Family", 24, 220, 1, 65536},
    {"Standard_NC48ads_A100_v4", "standardNCADSA100v4Family", 48, 440, 2, 131072},
    {"Standard_NC96ads_A100_v4", "standardNCADSA100v4Family", 96, 880, 4, 262144},
    {"Standard_NC40ads_H100_v5", "standardNCADSH100v5Family", 40, 320, 1, 131072},
    {"Standard_NC80adis_H100_v5", "standardNCADSH100v5Family", 80, 640, 2, 262144},
    {"Standard_ND40rs_v2", "standardNDSv2Family", 40, 672, 8, 3018752},
    {"Standard_ND96asr_v4", "standardNDASv4_A100Family", 96, 900, 8, 6144000},
    {"Standard_ND96amsr_A100_v4", "standardNDAMSv4_A100Family", 96, 1900, 8, 6553600},
    {"Standard_ND96isr_H100_v5", "standardNDSH100v5Family", 96, 1900, 8, 1024000},
    {"Standard_NV6", "standardNVFamily", 6, 56, 1, 348160},
    {"Standard_NV12", "standardNVFamily", 12, 112, 2, 696320},
    {"Standard_NV24", "standardNVFamily", 24, 224, 4, 1474560},
};
/* clang-format on */

/* The table is the source of three lists: sizes, sizes to resize to, and cores. */
const struct compute_size *compute_sizes(size_t *out_count)
{
    assert(out_count);
    *out_count = COUNT(SIZES);
    return SIZES;
}

/* Cores that are online; a host that does not say has one. */
static int host_cores(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    return cores > 0 && cores < 100000 ? (int)cores : 1;
}

/* A folder per device, where there is the driver. */
static int host_gpus(void)
{
    DIR *dir = opendir("/proc/driver/nvidia/gpus");
    int count = 0;

    if (!dir)
        return 0;
    for (const struct dirent *entry; (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

/* Asked for each time: a virtual host may be given more while the server runs. */
struct compute_size compute_host(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);

    return (struct compute_size){
        .name = "HOST",
        .family = "host",
        .cores = host_cores(),
        .memory_gb = pages > 0 && page > 0 ? (double)pages * (double)page / (double)GIB : 0,
        .gpus = host_gpus(),
    };
}

/* "Standard_E4s_v3" has 4: the number behind the family's letters. */
static int named_cores(struct str size)
{
    struct str rest = size;
    size_t at = 0;
    int cores = 0;

    if (str_starts_fold(rest, STR("STANDARD_")))
        rest = str_slice(rest, 9, rest.len);
    while (at < rest.len && !(rest.ptr[at] >= '0' && rest.ptr[at] <= '9'))
        at++;
    for (; at < rest.len && rest.ptr[at] >= '0' && rest.ptr[at] <= '9' && cores < 1000; at++)
        cores = cores * 10 + (rest.ptr[at] - '0');
    return cores > 0 ? cores : 1;
}

/* A size promises cores; a host cannot give more than it has. */
int compute_size_cores(struct str vm_size)
{
    int cores = named_cores(vm_size), host = host_cores();

    for (size_t i = 0; i < COUNT(SIZES); i++)
        if (str_eq_fold(vm_size, str_from(SIZES[i].name)))
            cores = SIZES[i].cores;
    assert(cores > 0);
    return cores < host ? cores : host;
}

/* Disks are those of Azure's machines; here a job has the disk of this host. */
struct json *compute_size_wire(struct arena *arena, const struct compute_size *size)
{
    struct json *wire = json_object(arena), *types = json_array(arena);

    assert(size->name && size->family);
    json_append(arena, types, json_text(arena, STR("AmlCompute")));
    json_append(arena, types, json_text(arena, STR("ComputeInstance")));
    json_set_str(arena, wire, "name", str_from(size->name));
    json_set_str(arena, wire, "family", str_from(size->family));
    json_set_int(arena, wire, "vCPUs", size->cores);
    json_set_int(arena, wire, "gpus", size->gpus);
    json_set_int(arena, wire, "osVhdSizeMB", 1047552);
    json_set_int(arena, wire, "maxResourceVolumeMB", size->disk_mb);
    json_set_double(arena, wire, "memoryGB", size->memory_gb);
    json_set_bool(arena, wire, "lowPriorityCapable", true);
    json_set_bool(arena, wire, "premiumIO", false);
    json_set(arena, wire, STR("supportedComputeTypes"), types);
    return wire;
}
